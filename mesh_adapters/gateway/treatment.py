"""What a route of the Gateway API does for the canary beside its weight.

There the most specific rule wins, and among equals the first. Each split rule gets a copy with more conditions at the
end of the list: more specific than its original, and behind all of the user's own that are as specific as it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mesh_adapters.adapter import Condition, Route, TrafficSplit, UnsupportedRoute
from mesh_adapters.gateway.cookies import with_cookie
from mesh_adapters.splitting.conditions import cookie_pattern, pattern
from mesh_adapters.splitting.rules import Rule
from mesh_adapters.splitting.slots import Arm, Entries, folded, given_to_canary

PREFIX = "headgate-canary"
MIRROR = "RequestMirror"
MAX_MATCHES = 128
_EVERYTHING: Mapping[str, Any] = {"path": {"type": "PathPrefix", "value": "/"}}
_OWN = ("name", "matches", "backendRefs")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one kind of route takes."""

    rules: int = 16
    matches_a_rule: int = 64
    query: bool = True
    mirrors: bool = True
    names: bool = True


def untreated(route: Route, split: TrafficSplit, names: Entries) -> Route:
    """The route without the copies and the mirrors; itself where there are none."""
    rules = (route.get("spec") or {}).get("rules") or ()
    if not any(_is_copy(rule, split, names) or _has_mirror(rule, names) for rule in rules):
        return route
    kept = [
        _without_mirror(rule, names) if _has_mirror(rule, names) else rule
        for rule in rules
        if not _is_copy(rule, split, names)
    ]
    return {**route, "spec": {**route["spec"], "rules": kept}}


def treated(
    route: Route, split: TrafficSplit, scope: Sequence[Rule], names: Entries, limits: Limits, where: str
) -> dict[str, Any]:
    """The split route with the split's treatment. Raises UnsupportedRoute with the field in the way."""
    if split.treatment.fault is not None:
        raise UnsupportedRoute(f"{where}: this kind of route cannot inject a fault: take `fault` out of the policy")
    by_index = {rule.position: rule for rule in scope}
    rules = [
        _mirrored(_sticky(rule, split, names, where), rule, split, names, limits, where)
        if (rule := by_index.get(index))
        else body
        for index, body in enumerate(route["spec"]["rules"])
    ]
    alternatives = split.treatment.alternatives(split.canary)
    copies = [
        _copy(rule, alternatives, names, limits, number, where) for number, rule in enumerate(scope) if alternatives
    ]
    _require_precedence(route, scope, alternatives, where)
    _require_within([*rules, *copies], limits, where)
    return {**route, "spec": {**route["spec"], "rules": [*rules, *copies]}}


def _copy(
    rule: Rule,
    alternatives: Sequence[Sequence[Condition]],
    names: Entries,
    limits: Limits,
    number: int,
    where: str,
) -> dict[str, Any]:
    blocks = [
        _narrowed(block, conditions, limits, f"{where}: {rule.path}.matches[{at}]")
        for conditions in alternatives
        for at, block in enumerate(rule.matches or (_EVERYTHING if limits.query else {},))
    ]
    others = {key: value for key, value in rule.body.items() if key not in _OWN}
    named = {"name": f"{PREFIX}-{number}"} if limits.names else {}
    return {**named, "matches": blocks, **others, "backendRefs": given_to_canary(folded(rule.entries, names), names)}


def _narrowed(block: Mapping[str, Any], conditions: Sequence[Condition], limits: Limits, where: str) -> dict[str, Any]:
    narrowed = dict(block)
    for condition in conditions:
        part = "queryParams" if condition.on == "query" else "headers"
        if condition.on == "query" and not limits.query:
            raise UnsupportedRoute(
                f"{where}: this kind of route knows no query parameters: use a header in the policy's match"
            )
        entry = _entry(condition)
        present = list(narrowed.get(part) or ())
        if any(_same_name(each, entry, part) for each in present):
            raise UnsupportedRoute(
                f"{where}.{part} has a condition on {entry['name']!r} already, and only the first one would count: "
                "choose another header, cookie or parameter in the policy's match"
            )
        narrowed[part] = [*present, entry]
    return narrowed


def _entry(condition: Condition) -> dict[str, str]:
    if condition.on == "cookie":
        return {"type": "RegularExpression", "name": "Cookie", "value": cookie_pattern(condition)}
    if condition.how == "exact":
        return {"type": "Exact", "name": condition.name, "value": condition.value}
    return {"type": "RegularExpression", "name": condition.name, "value": pattern(condition)}


def _same_name(one: Mapping[str, Any], other: Mapping[str, Any], part: str) -> bool:
    first, second = str(one.get("name")), str(other.get("name"))
    return first == second if part == "queryParams" else first.lower() == second.lower()


def _sticky(rule: Rule, split: TrafficSplit, names: Entries, where: str) -> Mapping[str, Any]:
    sticky = split.treatment.sticky
    if sticky is None:
        return rule.body
    refs = [
        with_cookie(entry, sticky, split.canary, f"{where}: {rule.field}[{at}]")
        if names.arm(entry) is Arm.CANARY
        else entry
        for at, entry in enumerate(rule.entries)
    ]
    return {**rule.body, "backendRefs": refs}


def _mirrored(
    body: Mapping[str, Any], rule: Rule, split: TrafficSplit, names: Entries, limits: Limits, where: str
) -> Mapping[str, Any]:
    percent = split.treatment.mirror_percent
    if not percent:
        return body
    if not limits.mirrors:
        raise UnsupportedRoute(f"{where}: this kind of route cannot mirror requests: take `mirror` out of the policy")
    if body.get("filters") == []:
        raise UnsupportedRoute(f"{where}: {rule.path}.filters is empty, which could not be given back: take it out")
    canary = next(entry for entry in rule.entries if names.arm(entry) is Arm.CANARY)
    target = {key: canary[key] for key in ("group", "kind", "name", "namespace", "port") if key in canary}
    parts = round(percent * 10_000)
    share = (
        {"percent": parts // 10_000}
        if parts % 10_000 == 0
        else {"fraction": {"numerator": parts, "denominator": 1_000_000}}
    )
    ours = {"type": MIRROR, "requestMirror": {"backendRef": target, **share}}
    return {**body, "filters": [*(body.get("filters") or ()), ours]}


def _is_copy(rule: Mapping[str, Any], split: TrafficSplit, names: Entries) -> bool:
    """By its name, or where a kind of rule has none: all of it goes to the canary that would be the apex's, and every
    match has conditions of the policy's."""
    if str(rule.get("name") or "").startswith(f"{PREFIX}-"):
        return True
    arms = {names.arm(entry) for entry in rule.get("backendRefs") or ()}
    if Arm.CANARY not in arms or Arm.STABLE in arms or Arm.APEX in arms:
        return False
    alternatives = split.treatment.alternatives(split.canary)
    blocks = rule.get("matches") or ()
    return bool(alternatives and blocks) and all(
        any(_holds(block, conditions) for conditions in alternatives) for block in blocks
    )


def _holds(block: Mapping[str, Any], conditions: Sequence[Condition]) -> bool:
    found = [*(block.get("headers") or ()), *(block.get("queryParams") or ())]
    return all(any(_entry(condition).items() <= each.items() for each in found) for condition in conditions)


def _has_mirror(rule: Mapping[str, Any], names: Entries) -> bool:
    return any(_is_mirror(each, names) for each in rule.get("filters") or ())


def _is_mirror(each: Mapping[str, Any], names: Entries) -> bool:
    return (
        each.get("type") == MIRROR
        and names.arm((each.get("requestMirror") or {}).get("backendRef") or {}) is Arm.CANARY
    )


def _without_mirror(rule: Mapping[str, Any], names: Entries) -> dict[str, Any]:
    kept = [each for each in rule["filters"] if not _is_mirror(each, names)]
    if kept:
        return {**rule, "filters": kept}
    return {key: value for key, value in rule.items() if key != "filters"}


def _require_precedence(
    route: Route, scope: Sequence[Rule], alternatives: Sequence[Sequence[Condition]], where: str
) -> None:
    """Raises UnsupportedRoute where a copy would win over a rule of the user's that its original loses to."""
    ours = {rule.position for rule in scope}
    others = [(i, body) for i, body in enumerate(route["spec"]["rules"]) if i not in ours]
    for rule in scope:
        for block in rule.matches or (_EVERYTHING,):
            own = _specificity(block)
            for conditions in alternatives:
                query = sum(condition.on == "query" for condition in conditions)
                more = (own[0] + len(conditions) - query, own[1] + query)
                for index, other in _alike(others, block):
                    if own < other < more:
                        raise UnsupportedRoute(
                            f"{where}: a request that spec.rules[{index}] takes now would go to the canary, for the "
                            f"policy's match makes {rule.path} more specific: use fewer conditions in one match, or "
                            f"add conditions to spec.rules[{index}]"
                        )


def _alike(
    others: Sequence[tuple[int, Mapping[str, Any]]], block: Mapping[str, Any]
) -> Iterator[tuple[int, tuple[int, int]]]:
    """The specificity of every other rule's matches with the same path and method."""
    for index, body in others:
        for each in body.get("matches") or (_EVERYTHING,):
            if all(each.get(part) in (block.get(part), None) for part in ("path", "method")):
                yield index, _specificity(each)


def _specificity(block: Mapping[str, Any]) -> tuple[int, int]:
    return len(block.get("headers") or ()), len(block.get("queryParams") or ())


def _require_within(rules: Sequence[Mapping[str, Any]], limits: Limits, where: str) -> None:
    counts = [len(rule.get("matches") or ((),)) for rule in rules]
    if len(rules) > limits.rules or max(counts) > limits.matches_a_rule or sum(counts) > MAX_MATCHES:
        raise UnsupportedRoute(
            f"{where}: spec.rules would have {len(rules)} rules with up to {max(counts)} matches, {sum(counts)} in all,"
            f" and {limits.rules}, {limits.matches_a_rule} and {MAX_MATCHES} are allowed: use fewer alternatives in the"
            " policy's match, or split the route in two"
        )
