"""Commands against a control plane, and against the API over it."""

from tests.served import folders, own_served

__all__ = ["folders", "own_served"]
