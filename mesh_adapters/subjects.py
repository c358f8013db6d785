"""By which labels a mesh's metrics tell whose requests they count, and how to ask for many at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Protocol

Name = tuple[str, str]
"""A namespace and a name in it."""

_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")


class Counted(Enum):
    """What a mesh counts requests by."""

    WORKLOAD = "workload"
    SERVICE = "Service"


@dataclass(frozen=True, slots=True)
class LabelMatch:
    """One condition on a series' label, in Prometheus' terms: `operator` is one of = != =~ !~, and a missing label
    is the empty string."""

    label: str
    operator: str
    value: str

    def holds(self, labels: Mapping[str, str]) -> bool:
        found = labels.get(self.label, "")
        # Prometheus anchors its regular expressions at both ends.
        matched = found == self.value if self.operator in ("=", "!=") else bool(re.fullmatch(self.value, found))
        return matched != self.operator.startswith("!")


class Subject(Protocol):
    """Whose requests a series counts."""

    @property
    def counts(self) -> Counted:
        """What the names are of."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that say it."""

    def matches(self, names: Iterable[Name]) -> tuple[LabelMatch, ...]:
        """Conditions that hold for the series of all of `names`. They may hold for others too: ask `of`."""

    def exactly(self, names: Iterable[Name]) -> tuple[tuple[LabelMatch, ...], ...]:
        """The same as alternatives, of which one at most holds for a series, and none for others than `names`."""

    def of(self, labels: Mapping[str, str]) -> Name | None:
        """Whose series this is; None where the labels are of another form."""


@dataclass(frozen=True, slots=True)
class WorkloadLabels:
    """A label with the workload's name and one with its namespace, as sidecars report them."""

    workload: str
    namespace: str

    @property
    def counts(self) -> Counted:
        return Counted.WORKLOAD

    @property
    def labels(self) -> tuple[str, ...]:
        return self.workload, self.namespace

    def matches(self, names: Iterable[Name]) -> tuple[LabelMatch, ...]:
        """Holds for every workload of one of the names in every namespace of one of them."""
        every = list(names)
        namespaces, workloads = (sorted({name[part] for name in every}) for part in (0, 1))
        return any_of(self.namespace, namespaces), any_of(self.workload, workloads)

    def exactly(self, names: Iterable[Name]) -> tuple[tuple[LabelMatch, ...], ...]:
        """One alternative for all namespaces that have the same names in them."""
        within: dict[str, set[str]] = {}
        for namespace, name in names:
            within.setdefault(namespace, set()).add(name)
        alike: dict[tuple[str, ...], list[str]] = {}
        for namespace in sorted(within):
            alike.setdefault(tuple(sorted(within[namespace])), []).append(namespace)
        return tuple(
            (any_of(self.namespace, namespaces), any_of(self.workload, workloads))
            for workloads, namespaces in alike.items()
        )

    def of(self, labels: Mapping[str, str]) -> Name | None:
        return labels.get(self.namespace, ""), labels.get(self.workload, "")


@dataclass(frozen=True)
class ClusterName:
    """One label with the name of Envoy's cluster, which gateways make of a Service: `namespace_service_port`, after
    what belongs to the gateway and a slash. Neither a namespace nor a Service can have an underscore or a slash in it.
    """

    label: str

    @property
    def counts(self) -> Counted:
        return Counted.SERVICE

    @property
    def labels(self) -> tuple[str, ...]:
        return (self.label,)

    def matches(self, names: Iterable[Name]) -> tuple[LabelMatch, ...]:
        every = "|".join(sorted({literally(f"{namespace}_{name}") for namespace, name in names}))
        return (LabelMatch(self.label, "=~", f"(.+/)?({every})_[^_/]+"),)

    def exactly(self, names: Iterable[Name]) -> tuple[tuple[LabelMatch, ...], ...]:
        return (self.matches(names),)

    def of(self, labels: Mapping[str, str]) -> Name | None:
        found = self._form.fullmatch(labels.get(self.label, ""))
        return (found["namespace"], found["name"]) if found else None

    @cached_property
    def _form(self) -> re.Pattern[str]:
        return re.compile(r"(?:.+/)?(?P<namespace>[^_/]+)_(?P<name>[^_/]+)_[^_/]+")


def any_of(label: str, values: Sequence[str]) -> LabelMatch:
    """Holds where the label is one of `values`, of which there is at least one."""
    if len(values) == 1:
        return LabelMatch(label, "=", values[0])
    return LabelMatch(label, "=~", "|".join(literally(value) for value in values))


def literally(text: str) -> str:
    """A regular expression (RE2) that matches only this text."""
    return _SPECIAL.sub(r"\\\g<0>", text)
