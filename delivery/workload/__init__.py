"""From Kubernetes objects to what a release knows of them, and from a release to the objects it needs."""
