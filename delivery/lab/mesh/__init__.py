"""The lab's mesh: Kubernetes and Istio objects in, Envoy's configuration files out."""
