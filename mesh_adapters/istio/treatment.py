"""What a VirtualService does for the canary beside its weight.

Each split HTTP rule gets a copy in front of it that only the chosen requests match: rules before it still come first,
and so does what its own conditions leave to others. The copies are known by their names.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from mesh_adapters.adapter import Condition, Fault, Route, TrafficSplit, UnsupportedRoute
from mesh_adapters.istio.cookies import with_cookie
from mesh_adapters.splitting.conditions import cookie_pattern
from mesh_adapters.splitting.copies import canary_key, copy_name, copy_names, inserted, is_own_name, require_alone
from mesh_adapters.splitting.rules import Rule
from mesh_adapters.splitting.slots import Arm, Entries, folded, given_to_canary

_OWN = ("name", "match", "route")


def own_copies(route: Route, split: TrafficSplit) -> set[int]:
    """The positions in spec.http of this release's copies."""
    return {at for at, name in copy_names(_http(route)) if is_own_name(name, split)}


def others_copies(route: Route, split: TrafficSplit) -> set[int]:
    """The positions in spec.http of other releases' copies."""
    return {at for at, name in copy_names(_http(route)) if not is_own_name(name, split)}


def own_mirrors(route: Route, names: Entries) -> list[str]:
    """The fields that send the canary copies of requests."""
    return [
        f"spec.http[{at}].mirrors[{number}]"
        for at, rule in enumerate(_http(route))
        for number, mirror in enumerate(rule.get("mirrors") or ())
        if names.arm(mirror) is Arm.CANARY
    ]


def untreated(route: Route, copies: Collection[int], names: Entries) -> Route:
    """The VirtualService without these copies and without the mirrors; itself where there are none."""
    http = _http(route)
    if not copies and not any(_has_mirror(rule, names) for rule in http if "mirrors" in rule):
        return route
    kept = [
        _without_mirror(rule, names) if _has_mirror(rule, names) else rule
        for at, rule in enumerate(http)
        if at not in copies
    ]
    return {**route, "spec": {**route["spec"], "http": kept}}


def narrows(copy: Rule, rule: Rule) -> bool:
    """Whether some requests that the copy matches are the rule's: alike but for headers and parameters."""
    own = _places(rule)
    return any(place in own for place in _places(copy))


def treated(route: Route, split: TrafficSplit, scope: Sequence[Rule], names: Entries, where: str) -> dict[str, Any]:
    """The split VirtualService with the split's treatment. Raises UnsupportedRoute with the field in the way."""
    split_rules = {rule.position: rule for rule in scope if rule.kind == "http"}
    if not split_rules:
        raise UnsupportedRoute(
            f"{where}: match, mirror, sticky and fault need rules in spec.http, and none of those sends traffic to "
            f"Service {split.namespace}/{split.apex}: take them out of the policy"
        )
    http: list[Mapping[str, Any]] = []
    for index, body in enumerate(route["spec"]["http"]):
        rule = split_rules.get(index)
        if rule is None:
            http.append(body)
            continue
        http += _copies(rule, split, names, where)
        http.append(_mirrored(_sticky(rule, body, split, names, where), rule, split, names, where))
    return {**route, "spec": {**route["spec"], "http": http}}


def _copies(rule: Rule, split: TrafficSplit, names: Entries, where: str) -> list[dict[str, Any]]:
    alternatives = split.treatment.alternatives(split.canary)
    if not alternatives:
        return []
    require_alone(rule, names, where)
    blocks = [
        _narrowed(block, conditions, f"{where}: {rule.path}.match[{at}]")
        for conditions in alternatives
        for at, block in enumerate(rule.matches or ({},))
    ]
    others = {key: value for key, value in rule.body.items() if key not in _OWN}
    copy = {
        "name": copy_name(split, rule.name),
        "match": blocks,
        "route": given_to_canary(folded(rule.entries, names), names),
        **others,
    }
    if split.treatment.fault is not None:
        if "fault" in rule.body:
            raise UnsupportedRoute(
                f"{where}: {rule.path}.fault is set already, so the policy's fault has no place: take one of them out"
            )
        copy["fault"] = _fault(split.treatment.fault)
    return [copy]


def _narrowed(block: Mapping[str, Any], conditions: Sequence[Condition], where: str) -> dict[str, Any]:
    narrowed = {key: dict(value) if key in ("headers", "queryParams") else value for key, value in block.items()}
    for condition in conditions:
        part = "queryParams" if condition.on == "query" else "headers"
        name = "cookie" if condition.on == "cookie" else condition.name
        name = name if condition.on == "query" else name.lower()
        wanted = _string_match(condition)
        found = narrowed.setdefault(part, {})
        if found.setdefault(name, wanted) != wanted:
            raise UnsupportedRoute(
                f"{where}.{part} has a condition on {name!r} already, and one request can be held to one only: "
                "choose another header, cookie or parameter in the policy's match"
            )
    return narrowed


def _string_match(condition: Condition) -> dict[str, str]:
    if condition.on == "cookie":
        return {"regex": cookie_pattern(condition)}
    if condition.how == "present":
        return {} if condition.on == "header" else {"regex": ".*"}
    if condition.how == "prefix" and condition.on == "query":  # Istio has no prefix there
        return {"regex": f"{re.escape(condition.value)}.*"}
    return {condition.how: condition.value}


def _fault(fault: Fault) -> dict[str, Any]:
    percentage = {"value": fault.percent}
    found: dict[str, Any] = {}
    if fault.delay_s is not None:
        found["delay"] = {"percentage": percentage, "fixedDelay": f"{fault.delay_s:g}s"}
    if fault.abort_status is not None:
        found["abort"] = {"percentage": dict(percentage), "httpStatus": fault.abort_status}
    return found


def _sticky(rule: Rule, body: Mapping[str, Any], split: TrafficSplit, names: Entries, where: str) -> Mapping[str, Any]:
    sticky = split.treatment.sticky
    if sticky is None:
        return body
    entries = [
        with_cookie(entry, sticky, split.canary, f"{where}: {rule.field}[{at}]")
        if names.arm(entry) is Arm.CANARY
        else entry
        for at, entry in enumerate(rule.entries)
    ]
    return {**body, "route": entries}


def _mirrored(
    body: Mapping[str, Any], rule: Rule, split: TrafficSplit, names: Entries, where: str
) -> Mapping[str, Any]:
    if not split.treatment.mirror_percent:
        return body
    if "mirror" in body or body.get("mirrors") == []:
        field = "mirror" if "mirror" in body else "mirrors"
        raise UnsupportedRoute(
            f"{where}: {rule.path}.{field} leaves no place for a mirror of the canary: write it as an entry of "
            "`mirrors`, or do without the policy's mirror"
        )
    canary = next(entry["destination"] for entry in rule.entries if names.arm(entry) is Arm.CANARY)
    ours = {"destination": canary, "percentage": {"value": split.treatment.mirror_percent}}
    others = body.get("mirrors") or ()
    key = names.target(ours)
    return {**body, "mirrors": inserted(others, [ours], key, lambda mirror: canary_key(names.target(mirror)))}


def _http(route: Route) -> Sequence[Mapping[str, Any]]:
    return (route.get("spec") or {}).get("http") or ()


def _places(rule: Rule) -> list[dict[str, Any]]:
    blocks: Sequence[Mapping[str, Any]] = rule.matches or ({},)
    return [{key: value for key, value in block.items() if key not in ("headers", "queryParams")} for block in blocks]


def _has_mirror(rule: Mapping[str, Any], names: Entries) -> bool:
    return any(names.arm(mirror) is Arm.CANARY for mirror in rule.get("mirrors") or ())


def _without_mirror(rule: Mapping[str, Any], names: Entries) -> dict[str, Any]:
    kept = [mirror for mirror in rule["mirrors"] if names.arm(mirror) is not Arm.CANARY]
    if kept:
        return {**rule, "mirrors": kept}
    return {key: value for key, value in rule.items() if key != "mirrors"}
