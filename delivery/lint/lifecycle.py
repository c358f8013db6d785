"""How a pod begins and ends: requests must reach it only while it can answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from delivery.lint.finding import Told
from delivery.lint.given import Container, Deployment, Given, inside

DEFAULT_GRACE_S = 30
_SLEEP = re.compile(r"\bsleep\s+([0-9]+(?:\.[0-9]+)?)([smhd]?)(?![\w.])")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def without_readiness_probe(deployment: Deployment, _given: Given) -> Iterator[Told]:
    for container in _lacking(deployment, lambda each: bool(each.spec.get("readinessProbe"))):
        yield (
            f"{container.path}.readinessProbe",
            f"without a readinessProbe container {container.name!r} gets requests before it can answer, and a canary "
            "counts as ready that is not; add one that asks the application",
        )


def without_pre_stop(deployment: Deployment, _given: Given) -> Iterator[Told]:
    for container in _lacking(deployment, lambda each: bool(inside(each.spec, "lifecycle", "preStop"))):
        yield (
            f"{container.path}.lifecycle.preStop",
            f"container {container.name!r} ends at once while proxies still send to it for a moment, which fails those "
            "requests; for no downtime add a preStop hook that waits (sleep: {seconds: 10})",
        )


def short_grace_period(deployment: Deployment, _given: Given) -> Iterator[Told]:
    grace = deployment.pod.get("terminationGracePeriodSeconds", DEFAULT_GRACE_S)
    if not isinstance(grace, int):
        return
    longest = max((pre_stop_sleep(container) for container in deployment.containers), default=0.0)
    if longest and grace <= longest:
        yield (
            "spec.template.spec.terminationGracePeriodSeconds",
            f"{grace} s are over before the preStop hook's sleep of {longest:g} s leaves the application time to end; "
            f"set it to more than {longest:g}, by as much as a request may take",
        )


def pre_stop_sleep(container: Container) -> float:
    """Seconds for which a preStop hook sleeps; 0 where it does not say."""
    hook = inside(container.spec, "lifecycle", "preStop")
    seconds = inside(hook, "sleep", "seconds")
    if isinstance(seconds, int):
        return float(seconds)
    command = inside(hook, "exec", "command")
    words = " ".join(map(str, command)) if isinstance(command, list | tuple) else ""
    return sum(float(amount) * _SECONDS[unit] for amount, unit in _SLEEP.findall(words))


def _lacking(deployment: Deployment, has: Callable[[Container], bool]) -> Sequence[Container]:
    """The containers with ports that lack it; where none names a port, the first, unless another has it."""
    serving = [container for container in deployment.containers if container.spec.get("ports")]
    if serving:
        return [container for container in serving if not has(container)]
    return () if any(map(has, deployment.containers)) else deployment.containers[:1]
