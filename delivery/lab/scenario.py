"""Scenario files: what is released in the lab, on what traffic, and what happens meanwhile."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from delivery.errors import InvalidSpec
from delivery.resources.policy import DeliveryPolicySpec, parse_policy
from delivery.resources.refusals import sentences

SHIPPED = resources.files("delivery.lab") / "scenarios"


class Part(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class Latency(Part):
    """A lognormal: median in milliseconds, sigma of the logarithm."""

    median: float = Field(default=20.0, gt=0)
    sigma: float = Field(default=0.4, ge=0)


class Behaviour(Part):
    """How the pods of one version behave."""

    error_rate: float = Field(default=0.001, ge=0, le=1)
    latency_ms: Latency = Latency()
    crash: bool = False
    never_ready: bool = False


class Settings(Part):
    """What an event may set. `dependency` is the shared one that every pod calls."""

    rps: float | None = Field(default=None, ge=0)
    stable: Behaviour | None = None
    canary: Behaviour | None = None
    dependency: float | None = Field(default=None, ge=0, le=1, description="error rate of the shared dependency")


class Event(Part):
    """At `at` seconds after the change: set something, kill or start something, or apply a newer image."""

    at: float = Field(ge=0)
    set: Settings | None = None
    kill: Literal["prometheus", "controller", "canary", "stable"] | None = None
    start: Literal["prometheus", "controller"] | None = None
    image: Behaviour | None = None


class Scenario(Part):
    name: str = ""
    rps: float = Field(default=200, ge=0)
    replicas: int = Field(default=3, ge=1, le=20)
    stable: Behaviour = Behaviour()
    canary: Behaviour = Behaviour()
    policy: dict[str, Any] = Field(default_factory=dict)
    events: tuple[Event, ...] = ()
    timeout: float = Field(default=300, gt=0, description="seconds from the change until the run is ended")
    seed: int = 1

    @property
    def delivery(self) -> DeliveryPolicySpec:
        return DeliveryPolicySpec.model_validate(self.policy)


def load(path: Path) -> Scenario:
    """Reads a scenario file. Raises InvalidSpec naming the file, the field and what is wrong."""
    try:
        content = yaml.safe_load(path.read_text())
    except OSError as problem:
        raise InvalidSpec(f"scenario {path}: cannot be read ({problem.strerror})") from problem
    except yaml.YAMLError as problem:
        raise InvalidSpec(f"scenario {path}: is no YAML ({problem})") from problem
    if not isinstance(content, dict):
        raise InvalidSpec(f"scenario {path}: must be a mapping of fields such as rps, canary and policy")
    try:
        scenario = Scenario.model_validate({"name": path.stem, **content}, by_alias=True, by_name=False)
    except ValidationError as problem:
        raise InvalidSpec(f"scenario {path}: {'; '.join(sentences(problem))}") from problem
    parse_policy(scenario.policy, f"scenario {path}: policy")
    return scenario


def shipped() -> dict[str, Path]:
    """The scenarios that come with the lab, by name."""
    return {Path(str(found)).stem: Path(str(found)) for found in SHIPPED.iterdir() if found.name.endswith(".yaml")}


def resolve(name_or_path: str) -> Path:
    """A file, or the name of a shipped scenario. Raises InvalidSpec."""
    if Path(name_or_path).exists():
        return Path(name_or_path)
    known = shipped()
    name = Path(name_or_path).stem
    if name not in known:
        raise InvalidSpec(
            f"scenario {name_or_path}: no such file, and none of the shipped ({', '.join(sorted(known))})"
        )
    return known[name]
