"""A policy from a file, as several commands take one."""

from __future__ import annotations

from pathlib import Path

from delivery.errors import HeadgateError
from delivery.resources.policy import DeliveryPolicySpec, parse_policy
from delivery.resources.policy_text import parse_policy_text


def policy_of(path: Path | None) -> DeliveryPolicySpec:
    if path is None:
        return parse_policy({}, "the default policy")
    try:
        text = path.read_text()
    except OSError as problem:
        raise HeadgateError(f"policy {path} cannot be read: {problem.strerror}") from problem
    except UnicodeDecodeError as problem:
        raise HeadgateError(f"policy {path} is no YAML: {problem}") from problem
    return parse_policy_text(text, f"policy {path}")
