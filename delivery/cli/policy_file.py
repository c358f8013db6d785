"""A policy from a file, as several commands take one."""

from __future__ import annotations

from pathlib import Path

import yaml

from delivery.errors import HeadgateError
from delivery.resources.policy import DeliveryPolicySpec, parse_policy

KINDS = {"DeliveryPolicy", "ClusterDeliveryPolicy"}


def policy_of(path: Path | None) -> DeliveryPolicySpec:
    if path is None:
        return parse_policy({}, "the default policy")
    try:
        document = yaml.safe_load(path.read_text())
    except OSError as problem:
        raise HeadgateError(f"policy {path} cannot be read: {problem.strerror}") from problem
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        raise HeadgateError(f"policy {path} is no YAML: {str(problem).splitlines()[0]}") from problem
    if not isinstance(document, dict | None):
        raise HeadgateError(f"policy {path} is {type(document).__name__}, not a DeliveryPolicy; write `spec: ...`")
    document = document or {}
    kind = document.get("kind")
    if kind is not None and kind not in KINDS:
        raise HeadgateError(f"policy {path} is of kind {kind}; give a DeliveryPolicy")
    whole = kind is not None or "spec" in document
    return parse_policy(document.get("spec") if whole else document, f"policy {path}")
