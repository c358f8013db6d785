"""DeliveryPolicy and ClusterDeliveryPolicy: how to deliver. Every field has a default, so `spec: {}` is sound."""

from __future__ import annotations

import re
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from delivery.errors import InvalidSpec
from delivery.resources.duration import Duration
from delivery.resources.metrics import ErrorRateMetric, LatencyMetric, Metric, judgeable
from delivery.resources.refusals import sentences
from delivery.resources.spec import Spec


class VirtualServiceSelector(Spec):
    """One VirtualService that carries the Service, and which of its named routes (all when empty)."""

    name: str = Field(min_length=1)
    namespace: str | None = None
    routes: tuple[str, ...] = ()


class IstioMesh(Spec):
    virtual_services: tuple[VirtualServiceSelector, ...] = ()
    split_by: Literal["auto", "services", "subsets"] = Field(
        default="auto",
        description="subsets keep the traffic policy of the Service's DestinationRule; auto: subsets where it has one",
    )


class GatewayRouteSelector(Spec):
    """One route that carries the Service, and which of its named rules (all when empty)."""

    name: str = Field(min_length=1)
    namespace: str | None = None
    kind: Literal["HTTPRoute", "GRPCRoute"] = "HTTPRoute"
    rules: tuple[str, ...] = ()


class LinkerdRouteSelector(GatewayRouteSelector):
    kind: Literal["HTTPRoute", "GRPCRoute", "TrafficSplit"] = "HTTPRoute"  # type: ignore[assignment]  # one more
    group: Literal["gateway.networking.k8s.io", "policy.linkerd.io"] = Field(
        default="gateway.networking.k8s.io", description="whose HTTPRoute"
    )


class GatewayMesh(Spec):
    routes: tuple[GatewayRouteSelector, ...] = ()


class LinkerdMesh(Spec):
    routes: tuple[LinkerdRouteSelector, ...] = ()


def _one_choice(mesh: Mesh) -> Mesh:
    chosen = [
        name
        for name, routes in (
            ("istio", mesh.istio.virtual_services),
            ("linkerd", mesh.linkerd.routes),
            ("gateway-api", mesh.gateway_api.routes),
        )
        if routes and mesh.provider != name
    ]
    if mesh.provider != "auto" and chosen:
        raise ValueError(f"provider is {mesh.provider}, and routes are named for {chosen[0]}: correct one of them")
    if len(chosen) > 1:
        raise ValueError(f"routes are named for {' and '.join(chosen)}: one release has one mesh, choose it")
    return mesh


class Mesh(Spec):
    provider: Literal["auto", "istio", "linkerd", "gateway-api"] = Field(
        default="auto", description="auto: whichever mesh's route carries the Service"
    )
    istio: IstioMesh = IstioMesh()
    linkerd: LinkerdMesh = LinkerdMesh()
    gateway_api: GatewayMesh = GatewayMesh()
    metrics: Literal["auto", "istio", "istio-source", "istio-waypoint", "linkerd", "envoy"] = Field(
        default="auto",
        description="whose metrics to judge by; auto: the provider's, Istio's for gateway-api; istio: as the servers'"
        " proxies report, -source: the clients', -waypoint: the waypoints'; envoy: a gateway's, by Service (Contour,"
        " Cilium)",
    )
    propagation_delay: Duration = Field(
        default=1.0, description="until every proxy has heard of what was written: before traffic depends on it"
    )

    chosen_once = model_validator(mode="after")(_one_choice)


def _expressible(weight: float) -> float:
    if round(weight, 4) != weight:
        raise ValueError("a mesh splits traffic to 0.0001 %; give at most four decimals")
    return weight


class FaultSpec(Spec):
    """For a chaos step: `percent` of the requests are answered late, or with a status instead of an answer."""

    percent: float = Field(gt=0, le=100)
    delay: Duration | None = Field(default=None, gt=0)
    abort: int | None = Field(default=None, ge=200, le=599)

    @model_validator(mode="after")
    def _does_something(self) -> FaultSpec:
        if self.delay is None and self.abort is None:
            raise ValueError("give delay, abort or both")
        return self


class ValueMatch(Spec):
    """How a value must be; exactly one of the four."""

    exact: str | None = None
    prefix: str | None = None
    regex: str | None = Field(default=None, description="RE2, of the whole value")
    present: Literal[True] | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> ValueMatch:
        if len(self.model_fields_set) != 1:
            raise ValueError("give exactly one of exact, prefix, regex and present")
        try:
            re.compile(self.regex or "")
        except re.error as problem:
            raise ValueError(f"regex {self.regex!r} is no regular expression: {problem}") from problem
        return self


class RequestMatch(Spec):
    """Requests for which all of this holds go to the canary, whatever the weight."""

    headers: dict[str, ValueMatch] = Field(default_factory=dict)
    cookies: Annotated[dict[str, ValueMatch], Field(max_length=1)] = Field(default_factory=dict)
    query_params: dict[str, ValueMatch] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _something(self) -> RequestMatch:
        if not (self.headers or self.cookies or self.query_params):
            raise ValueError("name a header, a cookie or a query parameter; a match of everything is a weight of 100")
        return self


class Sticky(Spec):
    """Whom the canary answered it answers again, until the release or the cookie ends."""

    cookie: str = Field(default="headgate", pattern=r"^[A-Za-z0-9_-]+$")
    max_age: Duration = Field(default=3600.0, ge=1)


class Step(Spec):
    """One share of traffic. A bare number stands for `{weight: number}`."""

    weight: Annotated[float, AfterValidator(_expressible)] = Field(
        gt=0, le=100, description="percent of the mesh's traffic for the canary"
    )
    min_duration: Duration | None = Field(default=None, description="overrides minStepDuration")
    gate: Literal["approval"] | None = Field(default=None, description="ask a person before leaving this step")
    mirror: float = Field(
        default=0.0, ge=0, le=100, description="percent of all requests that the canary gets a copy of as well"
    )
    fault: FaultSpec | None = Field(
        default=None, description="done to the requests that match or a sticky cookie sent to the canary"
    )


def _from_number(value: Any) -> Any:
    return {"weight": value} if isinstance(value, int | float) and not isinstance(value, bool) else value


def _rising(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    weights = [step.weight for step in steps]
    if any(later <= earlier for earlier, later in pairwise(weights)):
        raise ValueError(f"steps must rise; got {', '.join(f'{weight:g}' for weight in weights)}")
    return steps


class Canary(Spec):
    steps: Annotated[
        tuple[Annotated[Step, BeforeValidator(_from_number)], ...],
        Field(min_length=1, max_length=20),
        AfterValidator(_rising),
    ] = (Step(weight=1), Step(weight=5), Step(weight=20), Step(weight=50))
    min_step_duration: Duration = Field(default=30.0, description="never faster than this")
    max_step_duration: Duration = Field(
        default=900.0, gt=0, description="evidence still undecided by then: onInconclusive; at least minStepDuration"
    )
    on_inconclusive: Literal["pause", "rollback"] = "pause"
    ready_deadline: Duration = Field(
        default=600.0, gt=0, description="a canary that is not ready by then is rolled back; counted anew at each step"
    )
    match: tuple[RequestMatch, ...] = Field(default=(), description="who gets the canary beside the weight's share")
    sticky: Sticky | None = None
    drain: Duration = Field(default=10.0, description="between the last traffic and the canary's deletion")
    stable_floor: int = Field(
        default=1, ge=0, description="with fewer ready stable pods than this the release holds: no step is left"
    )

    @model_validator(mode="after")
    def _faults_have_somebody(self) -> Canary:
        for at, step in enumerate(self.steps):
            if step.fault and not self.match and not self.sticky:
                raise ValueError(f"steps[{at}].fault needs `match` or `sticky`: only requests so chosen can be treated")
        return self


class Strategy(Spec):
    canary: Canary = Canary()


class Risk(Spec):
    wrong_rollback: float = Field(default=0.01, gt=0, le=0.5, description="chance to roll back a harmless version")
    wrong_advance: float = Field(default=0.05, gt=0, le=0.5, description="chance, a step, to advance a harmful one")


class NoData(Spec):
    deadline: Duration = Field(default=300.0, gt=0, description="without data for so long: action")
    action: Literal["rollback", "pause"] = "rollback"


class Analysis(Spec):
    interval: Duration = Field(default=10.0, gt=0, description="between looks at the evidence")
    warm_up: Duration = Field(default=30.0, description="the canary's first seconds of traffic are not judged")
    risk: Risk = Risk()
    metrics: Annotated[tuple[Metric, ...], AfterValidator(judgeable)] = (ErrorRateMetric(), LatencyMetric())
    no_data: NoData = NoData()
    objective: float | None = Field(
        default=None, gt=0, lt=1, description="error rate of both versions together beyond which nothing is advanced"
    )
    dispersion: float | None = Field(
        default=None,
        ge=1,
        description="how much noisier than chance single pods are, which divides all evidence; learned from stable's "
        "last hour if left out",
    )

    @property
    def mesh_errors(self) -> ErrorRateMetric:
        """The one that every policy has."""
        return next(m for m in self.metrics if isinstance(m, ErrorRateMetric) and m.query is None)

    @property
    def mesh_latency(self) -> LatencyMetric | None:
        return next((m for m in self.metrics if isinstance(m, LatencyMetric) and m.query is None), None)

    @cached_property
    def custom(self) -> tuple[Metric, ...]:
        """The metrics with queries of the user's own."""
        return tuple(metric for metric in self.metrics if metric.query is not None)


class Notifications(Spec):
    channels: tuple[str, ...] | None = Field(
        default=None, description="names of the controller's channels; left out: all of them; `[]`: none"
    )


class DeliveryPolicySpec(Spec):
    """How to deliver; see the fields."""

    mesh: Mesh = Mesh()
    strategy: Strategy = Strategy()
    analysis: Analysis = Analysis()
    notifications: Notifications = Notifications()
    on_rollback: Literal["keepPending", "restoreTemplate"] = "keepPending"
    revision_history_limit: int = Field(default=10, ge=1, description="finished Releases to keep for each Deployment")

    def step_of(self, weight: float) -> Step | None:
        """The step that has this weight in percent; None for 0, 100 and weights between steps."""
        return next((step for step in self.strategy.canary.steps if step.weight == weight), None)

    @property
    def weights(self) -> tuple[float, ...]:
        """The steps' weights in percent."""
        return tuple(step.weight for step in self.strategy.canary.steps)


METRICS = ("analysis", "metrics")


def parse_policy(spec: Any, where: str) -> DeliveryPolicySpec:
    """The policy of a `spec`. Raises InvalidSpec naming the object (`where`), each field's path and what is wrong."""
    try:
        return DeliveryPolicySpec.model_validate({} if spec is None else spec, by_alias=True, by_name=False)
    except ValidationError as problem:
        told = "; ".join(sentences(problem, "spec", tagged=METRICS))
        raise InvalidSpec(f"{where}: {told}" if where else told) from problem
