"""SMI's TrafficSplits as routes of Envoy."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal, InvalidOperation

from delivery.lab.mesh.filters import Json, Share, forward
from delivery.lab.mesh.naming import Upstream, cluster_name
from delivery.lab.mesh.upstreams import Object, age

UNREACHABLE = 503


def split_of(traffic_splits: Sequence[Object], upstream: Upstream) -> Object | None:
    """The oldest TrafficSplit whose apex is this Service."""
    wanted = (upstream.namespace, upstream.service)
    naming = (
        split
        for split in sorted(traffic_splits, key=age)
        if (split["metadata"]["namespace"], split["spec"]["service"]) == wanted
    )
    return next(naming, None)


def split_routes(traffic_split: Object, upstream: Upstream) -> list[Json]:
    """One route for everything: to the backends in the proportion of their weights, each at the apex' own port."""
    shares = [
        Share(cluster_name(upstream.namespace, backend["service"], upstream.port), milli_weight(backend["weight"]))
        for backend in traffic_split["spec"]["backends"]
    ]
    return [forward({"prefix": "/"}, shares, without=UNREACHABLE)]


def milli_weight(weight: object) -> int:
    """A weight in thousandths: a number, or a quantity such as `900m` (v1alpha1). Finer parts are rounded up, as of
    any quantity; what is no quantity is no weight."""
    text = str(weight)
    try:
        amount = Decimal(text.removesuffix("m"))
    except InvalidOperation:
        return 0
    if not amount.is_finite():
        return 0
    milli = amount if text.endswith("m") else amount * 1000
    return max(0, int(milli.to_integral_value(ROUND_CEILING)))
