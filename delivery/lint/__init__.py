"""What is wrong with manifests before they are applied: rules over plain objects, without a cluster."""
