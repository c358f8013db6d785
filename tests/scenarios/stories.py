"""The stories that are told in every way: what a user does, when, and how it must end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from delivery.cluster.kinds import DELIVERY_POLICY, DEPLOYMENT, POD, RELEASE, SERVICE, VIRTUAL_SERVICE
from delivery.resources.release import Phase, Release, Stage
from tests.scenarios.traffic import SPLIT
from tests.scenarios.universe import SHOP, WEB, Universe

Doing = Callable[[Universe], None]


@dataclass(frozen=True, slots=True)
class Moment:
    """A user does something once the newest Release is at this place."""

    phase: Phase
    doing: Doing
    stage: Stage | None = None
    step: int = 0

    def has_come(self, release: Release) -> bool:
        status = release.status
        return (
            status.phase is self.phase
            and (self.stage is None or status.stage is self.stage)
            and (self.phase is not Phase.SHIFTING or status.step == self.step)
            and (self.phase is not Phase.SHIFTING or status.traffic.verified_weight is not None)
        )


@dataclass(frozen=True, slots=True)
class Story:
    """One template change and what follows. `ends` are the final phases of its Releases, in order."""

    name: str
    ends: tuple[Phase, ...]
    failures: float = 0.001
    begins: Doing = field(default=lambda universe: universe.image("web:2"))
    moments: tuple[Moment, ...] = ()
    losing_pods: bool = False  # what requests then meet is not the controller's doing
    bypassing: bool = False
    paused: bool = True
    leaves: tuple[str, ...] = ()


def restart(universe: Universe) -> None:
    """As `kubectl rollout restart` does it."""
    at = {"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}
    universe.edit(template={"metadata": {"annotations": at}})


def lose_canary(universe: Universe) -> None:
    for pod in universe.reader.list(POD, SHOP, labels={"headgate.dev/track": "canary"}):
        universe.kubelet.lose(pod)


def opt_out(universe: Universe) -> None:
    body = {"metadata": {"annotations": {"headgate.dev/policy": None}}}
    universe.user.patch(DEPLOYMENT, WEB, SHOP, body)


def delete_release(universe: Universe) -> None:
    universe.user.delete(RELEASE, universe.releases()[-1].name, SHOP)


def delete_policy(universe: Universe) -> None:
    universe.user.delete(DELIVERY_POLICY, "standard", SHOP)


def delete_service(universe: Universe) -> None:
    universe.user.delete(SERVICE, WEB, SHOP)


def delete_back_ends(universe: Universe) -> None:
    for name in ("web-stable", "web-canary"):
        universe.user.delete(SERVICE, name, SHOP)


def delete_route(universe: Universe) -> None:
    universe.user.delete(VIRTUAL_SERVICE, WEB, SHOP)
    universe.before[VIRTUAL_SERVICE, WEB] = None


def delete_deployment(universe: Universe) -> None:
    universe.user.delete(DEPLOYMENT, WEB, SHOP)


def take_the_name(universe: Universe) -> None:
    """Something of the user's has the name that a release needs."""
    ports = [{"name": "http", "port": 80}]
    universe.create(SERVICE, "web-canary", {"selector": {"app": "other"}, "ports": ports})
    universe.image("web:2")


def edit_weight(universe: Universe) -> None:
    """What a GitOps controller does that puts its own split back."""
    route = universe.user.get(VIRTUAL_SERVICE, WEB, SHOP)
    rule = next(rule for rule in route["spec"]["http"] if rule["name"] == "primary")
    for entry in rule["route"]:
        entry["weight"] = 30 if entry["destination"]["host"].startswith(SPLIT.canary) else 70
    universe.user.replace(VIRTUAL_SERVICE, route)


def edit_timeout(universe: Universe) -> None:
    """A user's edit of another field of the same route."""
    route = universe.user.get(VIRTUAL_SERVICE, WEB, SHOP)
    route["spec"]["http"][0]["timeout"] = "9s"
    universe.user.replace(VIRTUAL_SERVICE, route)
    before = universe.before[VIRTUAL_SERVICE, WEB] or {}
    universe.before[VIRTUAL_SERVICE, WEB] = {**before, "spec": _with_timeout(before["spec"])}


def _with_timeout(spec: dict[str, object]) -> dict[str, object]:
    rules = spec["http"]
    assert isinstance(rules, list)
    return {**spec, "http": [{**rules[0], "timeout": "9s"}, *rules[1:]]}


SHIFTING, PROMOTING = Phase.SHIFTING, Phase.PROMOTING
GOOD = Story("a good version", (Phase.SUCCEEDED,))
BAD = Story("a bad version", (Phase.ROLLED_BACK,), failures=0.3)
STORIES = (
    GOOD,
    BAD,
    Story("a restart", (Phase.SUCCEEDED,), begins=restart),
    Story(
        "a newer version comes",
        (Phase.SUPERSEDED, Phase.SUCCEEDED),
        moments=(Moment(SHIFTING, lambda universe: universe.image("web:3"), step=1),),
    ),
    Story(
        "a newer version comes during the rollout",
        (Phase.SUCCEEDED, Phase.SUCCEEDED),
        moments=(Moment(PROMOTING, lambda universe: universe.image("web:3"), Stage.SETTLE),),
    ),
    Story("aborted", (Phase.ROLLED_BACK,), moments=(Moment(SHIFTING, lambda universe: universe.ask("abort")),)),
    Story(
        "paused and resumed",
        (Phase.SUCCEEDED,),
        moments=(
            Moment(SHIFTING, lambda universe: universe.ask("pause")),
            Moment(Phase.PAUSED, lambda universe: universe.ask("resume")),
        ),
    ),
    Story("the emergency exit", (Phase.BYPASSED,), moments=(Moment(SHIFTING, lambda u: u.edit(paused=False)),),
          bypassing=True),
    Story("opted out", (Phase.ROLLED_BACK,), moments=(Moment(SHIFTING, opt_out),)),
    Story("the Release is deleted", (Phase.SUCCEEDED,), moments=(Moment(SHIFTING, delete_release, step=1),)),
    Story("the canary's node is drained", (Phase.SUCCEEDED,), moments=(Moment(SHIFTING, lose_canary, step=1),),
          losing_pods=True),
    Story("the route's weight is edited", (Phase.SUCCEEDED,), moments=(Moment(SHIFTING, edit_weight, step=1),)),
    Story("another field of the route is edited", (Phase.SUCCEEDED,), moments=(Moment(SHIFTING, edit_timeout),)),
    Story(
        "scaled to nothing and up again",
        (Phase.SUPERSEDED, Phase.SUCCEEDED),
        moments=(
            Moment(SHIFTING, lambda universe: universe.edit(replicas=0)),
            Moment(Phase.SUPERSEDED, lambda universe: universe.edit(replicas=2)),
        ),
        losing_pods=True,
    ),
    Story("the policy is deleted", (Phase.SUCCEEDED,), moments=(Moment(SHIFTING, delete_policy),)),
    Story("the Service is deleted", (Phase.SUCCEEDED,), moments=(Moment(SHIFTING, delete_service, step=1),)),
    Story("our Services are deleted", (Phase.SUCCEEDED,), moments=(Moment(SHIFTING, delete_back_ends, step=1),),
          losing_pods=True),
    Story("the route is deleted", (Phase.ROLLED_BACK,), moments=(Moment(SHIFTING, delete_route, step=1),),
          bypassing=True),
    Story("the Deployment is deleted", (Phase.FAILED,), moments=(Moment(SHIFTING, delete_deployment, step=1),),
          bypassing=True),
    Story("the canary's name is taken", (Phase.FAILED,), begins=take_the_name),
    Story("scaled up", (Phase.SUCCEEDED,), moments=(Moment(SHIFTING, lambda universe: universe.edit(replicas=6)),)),
)  # fmt: skip

CONTESTED = Story(
    "the route is contested",
    (Phase.SUCCEEDED,),
    moments=(
        *(Moment(SHIFTING, edit_weight, step=1) for _ in range(4)),
        Moment(Phase.PAUSED, lambda universe: universe.ask("resume")),
    ),
)
"""Apart from the others: how many edits are seen as such depends on who acts when."""
