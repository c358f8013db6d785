"""What a route of the Gateway API does for the canary beside its weight.

There the most specific rule wins, and among equals the first. Each split rule gets a copy with more conditions at the
end of the list: more specific than its original, and behind all of the user's own that are as specific as it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mesh_adapters.adapter import Condition, Route, TrafficSplit, UnsupportedRoute
from mesh_adapters.gateway.cookies import with_cookie
from mesh_adapters.gateway.precedence import require_precedence
from mesh_adapters.splitting.conditions import cookie_pattern, pattern
from mesh_adapters.splitting.copies import (
    PREFIX,
    canary_alone,
    canary_key,
    copy_name,
    copy_names,
    inserted,
    is_own_name,
    require_alone,
    stems,
)
from mesh_adapters.splitting.rules import Rule
from mesh_adapters.splitting.slots import Arm, Entries, folded, given_to_canary

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


def own_copies(route: Route, split: TrafficSplit, names: Entries) -> set[int]:
    """The positions of this release's copies: by name, or where one has none by the policy's own conditions."""
    alternatives = split.treatment.alternatives(split.canary)
    named = {at for at, name in copy_names(_rules(route)) if is_own_name(name, split)}
    rules = enumerate(_rules(route)) if alternatives else ()
    return named | {at for at, rule in rules if not rule.get("name") and _is_unnamed_copy(rule, alternatives, names)}


def others_copies(route: Route, split: TrafficSplit, names: Entries) -> dict[int, str]:
    """The positions of other releases' copies and what those would call them. One without a name is for a canary
    alone, the stable of which is in another rule."""
    copies = {at: name for at, name in copy_names(_rules(route)) if not is_own_name(name, split)}
    told = [(at, rule, stems(rule.get("backendRefs") or (), names)) for at, rule in enumerate(_rules(route))]
    paired = {stem for _, _, found in told for stem, arms in found.items() if len(arms) > 1}
    for at, rule, found in told if paired else ():
        stem = next((each for each, arms in found.items() if each in paired and arms == {"canary"}), None)
        if stem is not None and not rule.get("name"):
            copies[at] = f"{PREFIX}{stem}-canary"
    return copies


def own_mirrors(route: Route, names: Entries) -> list[str]:
    """The fields that send the canary copies of requests."""
    return [
        f"spec.rules[{at}].filters[{number}]"
        for at, rule in enumerate(_rules(route))
        for number, each in enumerate(rule.get("filters") or ())
        if _is_mirror(each, names)
    ]


def untreated(route: Route, copies: Collection[int], names: Entries) -> Route:
    """The route without these copies and without the mirrors; itself where there are none."""
    rules = _rules(route)
    if not copies and not any(_has_mirror(rule, names) for rule in rules):
        return route
    kept = [
        _without_mirror(rule, names) if _has_mirror(rule, names) else rule
        for at, rule in enumerate(rules)
        if at not in copies
    ]
    return {**route, "spec": {**route["spec"], "rules": kept}}


def treated(
    route: Route, split: TrafficSplit, scope: Sequence[Rule], names: Entries, limits: Limits, where: str, named: bool
) -> dict[str, Any]:
    """The split route with the split's treatment, its copies `named` or not. Raises UnsupportedRoute with the field in
    the way."""
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
        _copy(rule, alternatives, names, limits, copy_name(split, str(number)) if named else "", where)
        for number, rule in enumerate(scope)
        if alternatives
    ]
    require_precedence(route, scope, alternatives, where)
    _require_within([*rules, *copies], limits, where)
    return {
        **route,
        "spec": {**route["spec"], "rules": _appended(rules, copies, others_copies(route, split, names), split)},
    }


def _appended(
    rules: Sequence[Mapping[str, Any]],
    copies: Sequence[Mapping[str, Any]],
    others: Mapping[int, str],
    split: TrafficSplit,
) -> list[Mapping[str, Any]]:
    places = inserted(list(range(len(rules))), [-1] * bool(copies), copy_name(split), others.get)
    return [rule for at in places for rule in (copies if at < 0 else [rules[at]])]


def _copy(
    rule: Rule,
    alternatives: Sequence[Sequence[Condition]],
    names: Entries,
    limits: Limits,
    name: str,
    where: str,
) -> dict[str, Any]:
    require_alone(rule, names, where)
    blocks = [
        _narrowed(block, conditions, limits, f"{where}: {rule.path}.matches[{at}]")
        for conditions in alternatives
        for at, block in enumerate(rule.matches or (_EVERYTHING if limits.query else {},))
    ]
    others = {key: value for key, value in rule.body.items() if key not in _OWN}
    named = {"name": name} if name else {}
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
    others = body.get("filters") or ()
    key = names.target(target)
    return {**body, "filters": inserted(others, [ours], key, lambda each: canary_key(names.target(_mirror_of(each))))}


def _rules(route: Route) -> Sequence[Mapping[str, Any]]:
    return (route.get("spec") or {}).get("rules") or ()


def _is_unnamed_copy(rule: Mapping[str, Any], alternatives: Sequence[Sequence[Condition]], names: Entries) -> bool:
    blocks = rule.get("matches") or ()
    return (
        bool(blocks)
        and canary_alone(rule.get("backendRefs") or (), names)
        and all(any(_holds(block, conditions) for conditions in alternatives) for block in blocks)
    )


def _holds(block: Mapping[str, Any], conditions: Sequence[Condition]) -> bool:
    found = [*(block.get("headers") or ()), *(block.get("queryParams") or ())]
    return all(any(_entry(condition).items() <= each.items() for each in found) for condition in conditions)


def _has_mirror(rule: Mapping[str, Any], names: Entries) -> bool:
    return any(_is_mirror(each, names) for each in rule.get("filters") or ())


def _is_mirror(each: Mapping[str, Any], names: Entries) -> bool:
    return names.arm(_mirror_of(each)) is Arm.CANARY


def _mirror_of(each: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a filter mirrors requests to."""
    return ((each.get("requestMirror") or {}).get("backendRef") or {}) if each.get("type") == MIRROR else {}


def _without_mirror(rule: Mapping[str, Any], names: Entries) -> dict[str, Any]:
    kept = [each for each in rule["filters"] if not _is_mirror(each, names)]
    if kept:
        return {**rule, "filters": kept}
    return {key: value for key, value in rule.items() if key != "filters"}


def _require_within(rules: Sequence[Mapping[str, Any]], limits: Limits, where: str) -> None:
    counts = [len(rule.get("matches") or ((),)) for rule in rules]
    if len(rules) > limits.rules or max(counts) > limits.matches_a_rule or sum(counts) > MAX_MATCHES:
        raise UnsupportedRoute(
            f"{where}: spec.rules would have {len(rules)} rules with up to {max(counts)} matches, {sum(counts)} in all,"
            f" and {limits.rules}, {limits.matches_a_rule} and {MAX_MATCHES} are allowed: use fewer alternatives in the"
            " policy's match, or split the route in two"
        )
