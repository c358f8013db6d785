"""A policy as people write one: YAML of the object, or of its spec alone."""

from __future__ import annotations

import yaml

from delivery.errors import InvalidSpec
from delivery.resources.policy import DeliveryPolicySpec, parse_policy

KINDS = {"DeliveryPolicy", "ClusterDeliveryPolicy"}


def parse_policy_text(text: str, what: str) -> DeliveryPolicySpec:
    """Raises InvalidSpec, which begins with `what`."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as problem:
        raise InvalidSpec(f"{what} is no YAML: {str(problem).splitlines()[0]}") from problem
    if not isinstance(document, dict | None):
        raise InvalidSpec(f"{what} is {type(document).__name__}, not a DeliveryPolicy; write `spec: ...`")
    document = document or {}
    kind = document.get("kind")
    if kind is not None and kind not in KINDS:
        raise InvalidSpec(f"{what} is of kind {kind}; give a DeliveryPolicy")
    whole = kind is not None or "spec" in document
    return parse_policy(document.get("spec") if whole else document, what)
