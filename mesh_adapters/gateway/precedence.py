"""Whether a copy of a rule with more conditions takes requests from the user's other rules.

Precedence is by the path, then the method, then the number of headers, then that of query parameters; of equals the
first wins. So only a rule with the same path and method can stand between a rule and its copy.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mesh_adapters.adapter import Condition, Route, UnsupportedRoute
from mesh_adapters.splitting.rules import Rule

_EVERYTHING: Mapping[str, Any] = {}
_PATH_DEFAULTS = {"type": "PathPrefix", "value": "/"}
_METHOD_DEFAULTS = {"type": "Exact"}
Match = Mapping[str, Any]
Specificity = tuple[int, int]
"""How many headers and how many query parameters."""


def require_precedence(
    route: Route, scope: Sequence[Rule], alternatives: Sequence[Sequence[Condition]], where: str
) -> None:
    """Raises UnsupportedRoute where a copy would win over a rule of the user's that its original loses to."""
    ours = {rule.position for rule in scope}
    others = [(at, body) for at, body in enumerate(route["spec"]["rules"]) if at not in ours]
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


def place(block: Match) -> tuple[Any, ...]:
    """Path and method of a match, with what is left out written out."""
    path, method = {**_PATH_DEFAULTS, **(block.get("path") or {})}, block.get("method")
    return path, {**_METHOD_DEFAULTS, **method} if isinstance(method, Mapping) else method


def narrows(copy: Rule, rule: Rule) -> bool:
    """Whether some requests that the copy matches are the rule's: alike but for headers and parameters."""
    blocks, own = copy.matches or (_EVERYTHING,), rule.matches or (_EVERYTHING,)
    return any(place(block) == place(each) for block in blocks for each in own)


def _alike(others: Sequence[tuple[int, Mapping[str, Any]]], block: Match) -> Iterator[tuple[int, Specificity]]:
    """The specificity of every other rule's matches with the same path and method."""
    wanted = place(block)
    for index, body in others:
        for each in body.get("matches") or (_EVERYTHING,):
            if place(each) == wanted:
                yield index, _specificity(each)


def _specificity(block: Match) -> Specificity:
    return len(block.get("headers") or ()), len(block.get("queryParams") or ())
