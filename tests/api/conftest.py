"""The API served over control planes."""

from tests.served import folders, own_served, served

__all__ = ["folders", "own_served", "served"]
