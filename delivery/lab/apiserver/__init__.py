"""An embedded, in-memory Kubernetes API server that the official client and `kubectl` talk to over HTTP."""
