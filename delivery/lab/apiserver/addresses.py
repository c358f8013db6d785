"""Cluster addresses of Services: virtual IPs handed out of 10.0.0.0/16, never two Services the same one."""

from collections.abc import Iterable, Iterator

from delivery.lab.apiserver.status import FieldError, Json

_HOSTS = 65534


def _candidates() -> Iterator[str]:
    return (f"10.0.{number // 256}.{number % 256}" for number in range(1, _HOSTS) if number % 256)


def allocate(service: Json, others: Iterable[Json]) -> list[FieldError]:
    """Give a Service that wants one a free clusterIP, in place; complaints when the one it names is taken."""
    spec = service["spec"]
    if spec["type"] == "ExternalName":
        return []
    wanted = spec.get("clusterIP") or (spec.get("clusterIPs") or [""])[0]
    used = {other["spec"].get("clusterIP") for other in others}
    if not wanted:
        wanted = next(address for address in _candidates() if address not in used)
    elif wanted != "None" and wanted in used:
        note = (
            f'Invalid value: []string{{"{wanted}"}}: failed to allocate IP {wanted}: provided IP is already allocated'
        )
        return [FieldError("FieldValueInvalid", "spec.clusterIPs", note)]
    spec["clusterIP"] = wanted
    spec["clusterIPs"] = [wanted]
    return []


def carried_over(new: Json, old: Json) -> None:
    """An update that does not name the clusterIP keeps it."""
    if new["spec"]["type"] != "ExternalName":
        for name in ("clusterIP", "clusterIPs"):
            if not new["spec"].get(name) and name in old["spec"]:
                new["spec"][name] = old["spec"][name]
