"""Headgate: the controller, its lab and its faces."""
