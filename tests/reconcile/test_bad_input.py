"""What a user can get wrong: one sentence that names object and field, nothing touched, going on once it is right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from delivery.cluster.client import JSON
from delivery.cluster.kinds import CLUSTER_DELIVERY_POLICY, DELIVERY_POLICY, DEPLOYMENT, SERVICE, VIRTUAL_SERVICE
from delivery.resources.release import Phase
from tests.conditions import eventually
from tests.reconcile.rig import FAST, NAME, Rig, virtual_service


def set_policy(rig: Rig, spec: dict[str, Any]) -> None:
    patch = [{"op": "replace", "path": "/spec", "value": spec}]
    rig.cluster.patch(DELIVERY_POLICY, "standard", rig.namespace, patch, patch_type=JSON)


def set_route(rig: Rig, **changes: Any) -> None:
    rig.cluster.patch(VIRTUAL_SERVICE, NAME, rig.namespace, {"spec": changes})


def naming(*selectors: dict[str, Any]) -> dict[str, Any]:
    return {**FAST, "mesh": {"istio": {"virtualServices": list(selectors)}}}


def strayed(namespace: str) -> list[dict[str, Any]]:
    """Rules that send the Service nothing."""
    return [{"name": "primary", "route": [{"destination": {"host": f"files.{namespace}.svc.cluster.local"}}]}]


def another_apps_service(rig: Rig) -> None:
    rig.serve("cart", app="cart")
    rig.annotate(service="cart")


@dataclass(frozen=True)
class Mistake:
    """`make` on top of a sound shop, what is said of it, and `mend`. The sentence holds {namespace} for the test's."""

    make: Callable[[Rig], object]
    reason: str
    says: str
    mend: Callable[[Rig], object]


MISTAKES = {
    "unknown field at the top": Mistake(
        lambda rig: set_policy(rig, {**FAST, "stategy": {}}),
        "InvalidPolicy",
        "DeliveryPolicy {namespace}/standard: spec.stategy: unknown field; remove it or correct its name",
        lambda rig: set_policy(rig, FAST),
    ),
    "unknown field deep inside": Mistake(
        lambda rig: set_policy(rig, {**FAST, "strategy": {"canary": {"steps": [{"weight": 5, "wieght": 6}]}}}),
        "InvalidPolicy",
        "DeliveryPolicy {namespace}/standard: spec.strategy.canary.steps[0].wieght: unknown field; "
        "remove it or correct its name",
        lambda rig: set_policy(rig, FAST),
    ),
    "no policy": Mistake(
        lambda rig: rig.cluster.delete(DELIVERY_POLICY, "standard", rig.namespace),
        "InvalidPolicy",
        "Deployment {namespace}/web: annotation headgate.dev/policy names 'standard', and there is neither a "
        "DeliveryPolicy of that name in namespace {namespace} nor a ClusterDeliveryPolicy; create one or correct "
        "the annotation",
        lambda rig: rig.create(DELIVERY_POLICY, "standard", FAST),
    ),
    "no Service": Mistake(
        lambda rig: rig.cluster.delete(SERVICE, NAME, rig.namespace),
        "InvalidService",
        "Deployment {namespace}/web: no Service in namespace {namespace} selects its pods "
        "(spec.template.metadata.labels {{'app': 'web'}}); create one, or name it in the annotation "
        "headgate.dev/service",
        lambda rig: rig.serve(NAME),
    ),
    "two Services": Mistake(
        lambda rig: rig.serve("other", app=NAME),
        "InvalidService",
        "Deployment {namespace}/web: 2 Services select its pods (other, web); name the one that carries its traffic "
        "in the annotation headgate.dev/service",
        lambda rig: rig.annotate(service=NAME),
    ),
    "annotation naming no Service": Mistake(
        lambda rig: rig.annotate(service="wbe"),
        "InvalidService",
        "Deployment {namespace}/web: annotation headgate.dev/service names Service {namespace}/wbe, which does not "
        "exist; create it or correct the annotation",
        lambda rig: rig.annotate(service=NAME),
    ),
    "annotation naming another app's Service": Mistake(
        another_apps_service,
        "InvalidService",
        "Service {namespace}/cart: spec.selector {{'app': 'cart'}} does not select the pods of Deployment "
        "{namespace}/web (labels {{'app': 'web'}}); correct the selector or the annotation",
        lambda rig: rig.annotate(service=None),
    ),
    "VirtualService of the policy that is not there": Mistake(
        lambda rig: set_policy(rig, naming({"name": "wbe"})),
        "InvalidRoute",
        "VirtualService {namespace}/wbe, named in the policy's virtualServices[0], does not exist: create it or "
        "correct the name",
        lambda rig: set_policy(rig, FAST),
    ),
    "route of the policy that sends the Service nothing": Mistake(
        lambda rig: set_policy(rig, naming({"name": NAME, "routes": ["static"]})),
        "InvalidRoute",
        "VirtualService {namespace}/web: spec.http[0].route (rule 'static') has no destination that is Service "
        "{namespace}/web: choose another rule in the policy's `routes`",
        lambda rig: set_policy(rig, naming({"name": NAME, "routes": ["primary"]})),
    ),
    "VirtualService with the host and no route": Mistake(
        lambda rig: set_route(rig, http=strayed(rig.namespace)),
        "InvalidRoute",
        "VirtualService {namespace}/web: spec.hosts has 'web' for the mesh, but none of its rules has Service "
        "{namespace}/web as a destination: add one, or take the host out",
        lambda rig: set_route(rig, http=virtual_service(rig.namespace)["spec"]["http"]),
    ),
    "Recreate": Mistake(
        lambda rig: rig.edit(strategy={"type": "Recreate", "rollingUpdate": None}),
        "UnsupportedStrategy",
        "Deployment {namespace}/web: spec.strategy.type: Recreate stops every pod before a new one starts, so there "
        "is nothing to compare with; use RollingUpdate or remove the annotation",
        lambda rig: rig.edit(strategy={"type": "RollingUpdate"}),
    ),
}


def told_on_deployment(rig: Rig, reason: str) -> list[dict[str, Any]]:
    return [event for event in rig.events(reason) if event["involvedObject"]["kind"] == "Deployment"]


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=list(MISTAKES))
def test_a_mistake_is_named_once_touches_nothing_and_is_forgiven(own_rig: Rig, mistake: Mistake) -> None:
    own_rig.set_up()
    own_rig.deploy()
    mistake.make(own_rig)
    route = own_rig.cluster.get(VIRTUAL_SERVICE, NAME, own_rig.namespace)
    services = {service["metadata"]["name"] for service in own_rig.cluster.list(SERVICE, own_rig.namespace).items}
    own_rig.start()
    event = own_rig.event(mistake.reason)
    said = mistake.says.format(namespace=own_rig.namespace)
    assert event["message"] == said
    assert event["type"] == "Warning"
    assert [e["message"] for e in eventually(lambda: told_on_deployment(own_rig, mistake.reason))] == [said]
    assert not own_rig.deployment()["spec"].get("paused")
    assert own_rig.cluster.get(VIRTUAL_SERVICE, NAME, own_rig.namespace) == route
    assert {s["metadata"]["name"] for s in own_rig.cluster.list(SERVICE, own_rig.namespace).items} == services
    mistake.mend(own_rig)
    own_rig.adopted()


def ready_condition(rig: Rig) -> dict[str, Any]:
    policy = rig.cluster.get(DELIVERY_POLICY, "standard", rig.namespace)
    found: list[dict[str, Any]] = (policy.get("status") or {}).get("conditions") or [{}]
    return found[0]


def test_a_policy_says_itself_whether_it_can_be_used(own_rig: Rig) -> None:
    own_rig.set_up({**FAST, "stategy": {}})
    own_rig.start()
    eventually(lambda: ready_condition(own_rig).get("status") == "False")
    refused = ready_condition(own_rig)
    assert (refused["type"], refused["reason"]) == ("Ready", "InvalidPolicy")
    assert "spec.stategy: unknown field" in refused["message"]
    assert own_rig.event("InvalidPolicy")["involvedObject"]["kind"] == "DeliveryPolicy"
    set_policy(own_rig, FAST)
    eventually(lambda: ready_condition(own_rig).get("status") == "True")
    assert ready_condition(own_rig)["reason"] == "Valid"


def test_a_mistake_made_later_holds_the_pending_template_and_leaves_the_shop_alone(own_rig: Rig) -> None:
    own_rig.begin()
    set_policy(own_rig, {**FAST, "stategy": {}})
    own_rig.event("InvalidPolicy")
    own_rig.image("web:2")
    eventually(lambda: told_on_deployment(own_rig, "InvalidPolicy"))
    assert own_rig.releases() == []
    set_policy(own_rig, FAST)
    own_rig.until(lambda release: release.status.phase is Phase.SHIFTING)


def test_a_cluster_policy_serves_where_the_namespace_has_none(own_rig: Rig) -> None:
    own_rig.set_up(policy_object=False)
    own_rig.deploy()
    own_rig.annotate(policy=own_rig.namespace)  # a name of this test's own
    own_rig.start()
    own_rig.event("InvalidPolicy")
    own_rig.create(CLUSTER_DELIVERY_POLICY, own_rig.namespace, FAST)
    own_rig.adopted()


def foreign_deployment(rig: Rig) -> None:
    labels = {"app": "somebody-elses"}
    body = {
        "replicas": 0,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "x:1"}]}},
    }
    rig.create(DEPLOYMENT, "web-canary", body)


FOREIGN: dict[str, Callable[[Rig], object]] = {
    "Deployment web-canary": foreign_deployment,
    "Service web-canary": lambda rig: rig.serve("web-canary", app="somebody-elses"),
    "Service web-stable": lambda rig: rig.serve("web-stable", app="somebody-elses"),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_a_name_that_is_somebody_elses_fails_the_release_and_stays_theirs(own_rig: Rig, what: str) -> None:
    own_rig.set_up()
    own_rig.deploy()
    FOREIGN[what](own_rig)
    kind, name = (DEPLOYMENT if what.startswith("Deployment") else SERVICE), what.split()[1]
    before = own_rig.cluster.get(kind, name, own_rig.namespace)
    own_rig.start()
    own_rig.adopted()
    own_rig.image("web:2")
    ended = own_rig.ended()
    assert (ended.status.phase, ended.status.reason) == (Phase.FAILED, "NameTaken")
    assert ended.status.message == f"{what}: not Headgate's, but of the name it needs; rename or delete it"
    found = own_rig.cluster.get(kind, name, own_rig.namespace)
    assert found["metadata"]["uid"] == before["metadata"]["uid"]
    assert found["spec"] == before["spec"]
    assert own_rig.weights() == [0]
    own_rig.check_unwound()


def test_a_name_too_long_for_what_we_add_is_refused(own_rig: Rig) -> None:
    own_rig.set_up()
    long = "w" * 58
    body = {
        "replicas": 1,
        "selector": {"matchLabels": {"app": NAME}},
        "template": {"metadata": {"labels": {"app": NAME}}, "spec": {"containers": [{"name": "c", "image": "x:1"}]}},
    }
    meta = {"name": long, "namespace": own_rig.namespace, "annotations": {"headgate.dev/policy": "standard"}}
    own_rig.cluster.create(DEPLOYMENT, {"metadata": meta, "spec": body})
    own_rig.start()
    event = own_rig.event("UnsuitableName")
    assert f"Deployment {own_rig.namespace}/{long}: metadata.name" in event["message"]
    assert not own_rig.deployment(long)["spec"].get("paused")
