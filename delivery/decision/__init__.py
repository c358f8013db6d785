"""The pure core people audit: what is known in, what to do out. No client, no clock, no log."""
