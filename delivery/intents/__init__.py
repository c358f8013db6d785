"""What people ask for, written under their own rights: intents on a Release, a new image of a Deployment."""
