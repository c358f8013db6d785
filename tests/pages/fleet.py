"""A thousand Releases as the API hears of them: of many teams, in every phase."""

from __future__ import annotations

import random
from collections.abc import Iterator

from delivery.resources.release import Evidence, Phase, Release, Revision, Traffic
from tests.decision.given import CANARY, NOW, STABLE, release

PHASES = (Phase.SHIFTING, Phase.PAUSED, Phase.SUCCEEDED, Phase.ROLLED_BACK, Phase.SUCCEEDED, Phase.FAILED)
NAMESPACES = ("shop", "search", "billing", "media", "accounts")
WORDS = ("cart", "checkout", "catalog", "basket", "ranking", "mailer", "ledger", "gateway", "thumbs", "login")
WHY = {
    Phase.SHIFTING: ("CanaryReady", "advancing to 20 %: canary fails 0.1 % of requests, stable 0.1 %"),
    Phase.PAUSED: ("AwaitingApproval", "step 2 (20 %) is healthy; waiting for approval"),
    Phase.SUCCEEDED: ("Promoted", "promoted: every pod runs the new version"),
    Phase.ROLLED_BACK: ("EvidenceAgainstCanary", "canary fails 4.8 % of requests, stable 0.1 %"),
    Phase.FAILED: ("RouteInvalid", "no VirtualService carries the Service"),
}


def fleet(count: int = 1000, seed: int = 3) -> Iterator[Release]:
    """Numbered from 0: the phases and namespaces in turn, everything else drawn."""
    chance = random.Random(seed)
    for number in range(count):
        yield _one(number, chance)


def _one(number: int, chance: random.Random) -> Release:
    phase, namespace = PHASES[number % len(PHASES)], NAMESPACES[number % len(NAMESPACES)]
    deployment = f"{WORDS[number % len(WORDS)]}-{number:04}"
    weight = {Phase.SHIFTING: chance.choice((5.0, 20.0, 50.0)), Phase.PAUSED: 20.0}.get(phase, 0.0)
    began = NOW - chance.randrange(30 * 86_400)
    version = f"{chance.randrange(1, 9)}.{chance.randrange(40)}.{chance.randrange(10)}"
    reason, message = WHY[phase]
    made = release(
        phase,
        weight=weight,
        name=f"{deployment}-{number:08x}",
        reason=reason,
        message=message,
        progress="2/4",
        mesh="istio",
        started_at=began,
        finished_at=began + 900 if phase.final else None,
        traffic=Traffic(desired_weight=weight, verified_weight=weight, max_weight=20.0),
        evidence=None if phase is Phase.FAILED else _look(chance, began, weight),
    )
    image = f"registry.example/{namespace}/{deployment}"
    spec = {
        "deployment": deployment,
        "stable": Revision(template_hash=STABLE, images=(f"{image}:1.0.0",), app_version="1.0.0"),
        "canary": Revision(template_hash=CANARY, images=(f"{image}:{version}",), app_version=version),
    }
    return made.model_copy(
        update={
            "namespace": namespace,
            "resource_version": str(number + 1),
            "spec": made.spec.model_copy(update=spec),
        }
    )


def _look(chance: random.Random, began: float, weight: float) -> Evidence:
    requests = chance.randrange(500, 90_000)
    return Evidence(
        at=began + 300,
        step=1,
        weight=weight,
        verdict="Undecided",
        reason="canary fails 0.1 % of requests, stable 0.1 %",
        log_evidence_rollback=-1.0,
        log_evidence_advance=2.0,
        stable_requests=4.0 * requests,
        stable_errors=requests // 250,
        canary_requests=requests,
        canary_errors=requests * chance.randrange(50) // 10_000,
    )
