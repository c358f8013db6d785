"""The objects as rules see them. What is missing or of another type reads as empty: nobody has checked them before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from delivery.resources.annotations import GROUP, MANAGED_BY, MANAGER

Object = Mapping[str, Any]
DEFAULT_NAMESPACE = "default"
POLICY_KINDS = ("DeliveryPolicy", "ClusterDeliveryPolicy")
_POD = "spec.template.spec"


def inside(value: Any, *path: str) -> Any:
    """What is at the path; None where the way ends before."""
    for field in path:
        value = value.get(field) if isinstance(value, Mapping) else None
    return value


def mapping(value: Any) -> Object:
    return value if isinstance(value, Mapping) else {}


def texts(value: Any) -> dict[str, str]:
    """Labels, annotations or a selector."""
    return {str(key): str(inner) for key, inner in mapping(value).items()}


def called(obj: Object) -> str:
    """How messages call an object."""
    names = (inside(obj, "metadata", "namespace"), inside(obj, "metadata", "name"))
    return f"{obj.get('kind')} {'/'.join(str(name) for name in names if name)}"


def is_of(obj: Object, group: str, kind: str) -> bool:
    """Whether an object is of this kind, in any version."""
    return obj.get("kind") == kind and str(obj.get("apiVersion", "")).rpartition("/")[0] == group


def made_by_headgate(obj: Object) -> bool:
    return texts(inside(obj, "metadata", "labels")).get(MANAGED_BY) == MANAGER


def _namespace(obj: Object) -> str:
    return str(inside(obj, "metadata", "namespace") or DEFAULT_NAMESPACE)


def _name(obj: Object) -> str:
    return str(inside(obj, "metadata", "name") or "")


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a pod template, and where it stands."""

    path: str
    spec: Object

    @property
    def name(self) -> str:
        return str(self.spec.get("name") or "")


@dataclass(frozen=True, slots=True)
class Deployment:
    """A Deployment as it was written."""

    obj: Object

    @property
    def called(self) -> str:
        return called(self.obj)

    @property
    def name(self) -> str:
        return _name(self.obj)

    @property
    def namespace(self) -> str:
        return _namespace(self.obj)

    @property
    def annotations(self) -> dict[str, str]:
        return texts(inside(self.obj, "metadata", "annotations"))

    @property
    def spec(self) -> Object:
        return mapping(inside(self.obj, "spec"))

    @property
    def pod(self) -> Object:
        """The `spec` of the pod template."""
        return mapping(inside(self.spec, "template", "spec"))

    @property
    def pod_labels(self) -> dict[str, str]:
        return texts(inside(self.spec, "template", "metadata", "labels"))

    @property
    def containers(self) -> tuple[Container, ...]:
        return self._containers("containers")

    @property
    def every_container(self) -> tuple[Container, ...]:
        """Those that run before the others too."""
        return (*self._containers("initContainers"), *self.containers)

    def _containers(self, field: str) -> tuple[Container, ...]:
        found = self.pod.get(field)
        listed = found if isinstance(found, list | tuple) else ()
        return tuple(Container(f"{_POD}.{field}[{at}]", mapping(each)) for at, each in enumerate(listed))


@dataclass(frozen=True, slots=True)
class Service:
    """A Service that is the user's own."""

    name: str
    namespace: str
    selector: dict[str, str]

    def selects(self, deployment: Deployment) -> bool:
        return bool(self.selector) and self.selector.items() <= deployment.pod_labels.items()


@dataclass(frozen=True, slots=True)
class Autoscaler:
    """Whose replicas a HorizontalPodAutoscaler sets, and how few it may leave."""

    name: str
    namespace: str
    target: str
    least: int


@dataclass(frozen=True, slots=True)
class Given:
    """What rules look for beside the Deployment itself. `policies` by namespace ("" for the cluster's) and name."""

    services: tuple[Service, ...] = ()
    autoscalers: tuple[Autoscaler, ...] = ()
    policies: frozenset[tuple[str, str]] = frozenset()

    def services_of(self, deployment: Deployment) -> Sequence[Service]:
        return [service for service in self.services if service.namespace == deployment.namespace]

    def autoscaler_of(self, deployment: Deployment) -> Autoscaler | None:
        meant = (deployment.namespace, deployment.name)
        return next((each for each in self.autoscalers if (each.namespace, each.target) == meant), None)


def gather(objects: Iterable[Object]) -> Given:
    """An object without a namespace is taken to be in `default`."""
    found = list(objects)
    own = {
        (_namespace(obj), _name(obj)): obj for obj in found if is_of(obj, "", "Service") and not made_by_headgate(obj)
    }
    return Given(
        services=tuple(_service(obj) for obj in own.values()),
        autoscalers=tuple(_autoscaler(obj) for obj in found if _scales_a_deployment(obj)),
        policies=frozenset(
            (_namespace(obj) if kind == POLICY_KINDS[0] else "", _name(obj))
            for obj in found
            for kind in POLICY_KINDS
            if is_of(obj, GROUP, kind)
        ),
    )


def _service(obj: Object) -> Service:
    return Service(_name(obj), _namespace(obj), texts(inside(obj, "spec", "selector")))


def _scales_a_deployment(obj: Object) -> bool:
    target = inside(obj, "spec", "scaleTargetRef", "kind")
    return is_of(obj, "autoscaling", "HorizontalPodAutoscaler") and target == "Deployment"


def _autoscaler(obj: Object) -> Autoscaler:
    least = inside(obj, "spec", "minReplicas")
    target = inside(obj, "spec", "scaleTargetRef", "name")
    return Autoscaler(_name(obj), _namespace(obj), str(target or ""), least if isinstance(least, int) else 1)
