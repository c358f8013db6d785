"""Releases in a namespace of the test's own, on control planes of each kind."""

from tests.served import folders, own_served, served

__all__ = ["folders", "own_served", "served"]
