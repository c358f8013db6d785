"""The `scale` subresource: the same few fields of any scalable kind, as an autoscaling/v1 Scale."""

from typing import Any

from delivery.lab.apiserver.kinds import Resource, ScalePaths
from delivery.lab.apiserver.status import Json, bad_request, invalid, invalid_value


def scale_of(resource: Resource, obj: Json) -> Json:
    """The Scale of an object; not to be asked of a kind without scale paths."""
    paths = _paths(resource)
    metadata = {
        name: obj["metadata"][name]
        for name in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
        if name in obj["metadata"]
    }
    status: Json = {"replicas": _at(obj, paths.status_replicas) or 0}
    selector = _selector(_at(obj, paths.selector)) if paths.selector else ""
    if selector:
        status["selector"] = selector
    spec = {"replicas": _at(obj, paths.spec_replicas) or 0}
    shown = {name: value for name, value in spec.items() if value}
    return {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": shown, "status": status}


def rescaled(resource: Resource, obj: Json, scale: Any) -> Json:
    """A copy of `obj` with the replicas a Scale asks for.

    Raises:
        ApiError: 400 or 422 when the Scale does not say a number of replicas.
    """
    if not isinstance(scale, dict) or not isinstance(scale.get("spec") or {}, dict):
        raise bad_request("Scale: spec.replicas must be a number")
    replicas = (scale.get("spec") or {}).get("replicas") or 0
    if isinstance(replicas, bool) or not isinstance(replicas, int):
        raise bad_request(f"Scale: spec.replicas: {replicas!r} is not a number")
    if replicas < 0:
        error = invalid_value("spec.replicas", replicas, "must be greater than or equal to 0")
        raise invalid("autoscaling", "Scale", obj["metadata"]["name"], [error])
    version = (scale.get("metadata") or {}).get("resourceVersion")
    metadata = {**obj["metadata"], "resourceVersion": version or obj["metadata"]["resourceVersion"]}
    changed: Json = _with(obj, _paths(resource).spec_replicas, replicas)
    return {**changed, "metadata": metadata}


def _paths(resource: Resource) -> ScalePaths:
    if resource.scale is None:
        raise LookupError(f"{resource.plural}.{resource.group}: has no scale subresource")
    return resource.scale


def _at(obj: Json, path: tuple[str, ...]) -> Any:
    value: Any = obj
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _with(obj: Json, path: tuple[str, ...], value: Any) -> Json:
    head, *rest = path
    return {**obj, head: _with(obj.get(head) or {}, tuple(rest), value) if rest else value}


def _selector(value: Any) -> str:
    """A label selector as text; custom kinds keep it as text already."""
    if not isinstance(value, dict):
        return str(value or "")
    terms = [f"{key}={wanted}" for key, wanted in sorted((value.get("matchLabels") or {}).items())]
    for expression in value.get("matchExpressions") or []:
        key, operator = expression["key"], expression["operator"]
        listed = ",".join(expression.get("values") or [])
        forms = {"Exists": key, "DoesNotExist": f"!{key}", "In": f"{key} in ({listed})"}
        terms.append(forms.get(operator, f"{key} notin ({listed})"))
    return ",".join(terms)
