"""Conditions on requests in the terms that every mesh has: regular expressions (RE2) that match as a whole."""

import re

from mesh_adapters.adapter import Condition


def pattern(condition: Condition) -> str:
    """The expression for the condition's value."""
    if condition.how == "regex":
        return condition.value
    if condition.how == "present":
        return ".*"
    return re.escape(condition.value) + (".*" if condition.how == "prefix" else "")


def cookie_pattern(condition: Condition) -> str:
    """The expression for the whole `Cookie` header of a request that has the cookie."""
    value = {"present": "[^;]*", "prefix": f"{re.escape(condition.value)}[^;]*"}.get(condition.how, pattern(condition))
    return f"(?:.*; ?)?{re.escape(condition.name)}=(?:{value})(?:;.*)?"
