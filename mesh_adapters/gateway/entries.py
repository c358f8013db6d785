"""How a route of the Gateway API names the back ends of a split: references to Services."""

from dataclasses import dataclass

from mesh_adapters.adapter import TrafficSplit
from mesh_adapters.gateway.cookies import without_cookie
from mesh_adapters.splitting.slots import Arm, Destination, Entry
from mesh_adapters.splitting.weights import Limit, below_zero

LIMIT = Limit(each=1_000_000)
CORE = ("", "core", None)
"""What the group of a Service is called; Linkerd's own routes say `core`."""


@dataclass(frozen=True, slots=True)
class GatewayEntries:
    """The backendRefs of one route, which stands in `route_namespace`."""

    route_namespace: str
    split: TrafficSplit

    def arm(self, entry: Entry) -> Arm | None:
        split = self.split
        if entry.get("kind") not in ("Service", None) or entry.get("group") not in CORE:
            return None
        if (entry.get("namespace") or self.route_namespace) != split.namespace:
            return None
        return {split.apex: Arm.APEX, split.stable: Arm.STABLE, split.canary: Arm.CANARY}.get(entry.get("name") or "")

    def reaches(self, entry: Entry) -> bool:
        return self.arm(entry) is not None

    def refused(self, entry: Entry) -> str | None:
        """Nothing is: whatever goes to the apex can go to another Service."""
        del entry
        return None

    def weight(self, entry: Entry) -> int:
        weight = entry.get("weight")
        return 1 if weight is None else int(weight)

    def malformed(self, entry: Entry) -> str | None:
        return below_zero(entry)

    def target(self, entry: Entry) -> str:
        """Namespace and name, for a Service."""
        if entry.get("kind") not in ("Service", None) or entry.get("group") not in CORE:
            return ""
        return f"{entry.get('namespace') or self.route_namespace}.{entry.get('name')}"

    def content(self, entry: Entry, arm: Arm | None) -> Destination:
        content = {key: value for key, value in entry.items() if key != "weight"}
        if arm is None:
            return content
        content["name"] = self.split.apex
        return without_cookie(content, self.split.canary) if arm is Arm.CANARY else content

    def entry(self, content: Destination, arm: Arm | None, weight: int | None) -> Destination:
        entry = dict(content)
        if arm is not None:
            entry["name"] = self.split.stable if arm is Arm.STABLE else self.split.canary
        # Said though it is the default: the server would add it, and what is planned would never be what is there.
        return {**entry, "weight": 1 if weight is None else weight} if arm is not None else _weighted(entry, weight)

    @property
    def alone_gets_all(self) -> bool:
        return False

    @property
    def limit(self) -> Limit:
        return LIMIT


def _weighted(entry: Destination, weight: int | None) -> Destination:
    return entry if weight is None else {**entry, "weight": weight}
