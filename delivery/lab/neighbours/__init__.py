"""The neighbours of a release, of our own: the controllers of Deployments, ReplicaSets, endpoints, and garbage."""
