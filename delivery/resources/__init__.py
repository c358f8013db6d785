"""The objects of the API group headgate.dev/v1alpha1, as pydantic models."""
