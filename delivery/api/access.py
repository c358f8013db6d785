"""Who calls, and what they may do: the cluster decides both. Whatever cannot be found out is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from time import monotonic

from delivery.api.renewing import Aside, Renewing
from delivery.cluster.client import Cluster
from delivery.cluster.kinds import RELEASE, SUBJECT_ACCESS_REVIEW, TOKEN_REVIEW
from delivery.errors import HeadgateError

TOKEN_KEPT_S = 30.0
ANSWER_KEPT_S = 10.0
LONGEST_TOKEN = 16_384
READING = {"get", "list", "watch"}
RENEWALS_AT_ONCE = 2


class Unauthenticated(HeadgateError):
    """No token, or one that the cluster does not know."""


class Forbidden(HeadgateError):
    """The cluster knows the caller and does not allow the call."""


@dataclass(frozen=True, slots=True)
class Caller:
    """As the cluster's TokenReview names whoever shows a token."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: tuple[tuple[str, tuple[str, ...]], ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Asked:
    """A verb on `releases.headgate.dev`; `namespace` and `name` "" for all of them."""

    verb: str
    namespace: str = ""
    name: str = ""

    @property
    def ways(self) -> tuple[Asked, ...]:
        """What allows it, the first to be asked first. To read all is to read each: a fleet's readers are asked about
        once, not once a namespace or Release. Whoever acts is asked about by name.

        RBAC takes nothing back of what it grants for all; an authorizer that does is not asked where all is granted.
        """
        if self.verb not in READING:
            return (self,)
        return tuple(dict.fromkeys((Asked(self.verb), Asked(self.verb, self.namespace), self)))

    def __str__(self) -> str:
        where = f" in namespace {self.namespace}" if self.namespace else " in all namespaces"
        return f"{self.verb} {RELEASE.plural}.{RELEASE.group}{where}"


class Access:
    """Answers are kept briefly, so that a right that was taken away is gone within seconds. Thread-safe.

    `aside`: what has them renewed, on a thread of its own.
    """

    def __init__(self, cluster: Cluster, clock: Callable[[], float] = monotonic, aside: Aside | None = None) -> None:
        self._cluster = cluster
        aside = aside or ThreadPoolExecutor(RENEWALS_AT_ONCE, "review").submit
        self._callers: Renewing[str, Caller] = Renewing(TOKEN_KEPT_S, clock, aside)
        self._allowed: Renewing[tuple[Caller, Asked], bool] = Renewing(ANSWER_KEPT_S, clock, aside)

    def known(self, token: str) -> Caller | None:
        """The caller of a token that was reviewed a moment ago; waits for nobody."""
        return self._callers.known(_fingerprint(token), lambda: self._review(token))

    def caller(self, token: str) -> Caller:
        """Raises Unauthenticated, and HeadgateError where the cluster cannot be asked."""
        return self._callers.of(_fingerprint(token), lambda: self._review(token))

    def decided(self, caller: Caller, asked: Asked) -> bool | None:
        """What follows from what the cluster said a moment ago; None where it is to be asked and waited for."""
        known = [self._allowed.known((caller, way), partial(self._ask, caller, way)) for way in asked.ways]
        return True if True in known else None if None in known else False

    def require(self, caller: Caller, asked: Asked) -> None:
        """Raises Forbidden, and HeadgateError where the cluster cannot be asked."""
        if not any(self._allowed.of((caller, way), partial(self._ask, caller, way)) for way in asked.ways):
            raise Forbidden(f"{caller.name} may not {asked}; a Role with that verb on that resource would allow it")

    def _review(self, token: str) -> Caller:
        if not token or len(token) > LONGEST_TOKEN:
            raise Unauthenticated("no usable token; send `Authorization: Bearer TOKEN` with a token of this cluster")
        review = self._cluster.create(TOKEN_REVIEW, {"metadata": {}, "spec": {"token": token}})
        status = review.get("status") or {}
        if status.get("authenticated") is not True:
            raise Unauthenticated("the cluster does not know this token; it may have expired: get a new one")
        user = status.get("user") or {}
        extra = tuple((key, tuple(values)) for key, values in sorted((user.get("extra") or {}).items()))
        return Caller(user.get("username") or "", user.get("uid") or "", tuple(user.get("groups") or ()), extra)

    def _ask(self, caller: Caller, asked: Asked) -> bool:
        attributes = {
            "verb": asked.verb,
            "group": RELEASE.group,
            "resource": RELEASE.plural,
            "namespace": asked.namespace,
            "name": asked.name,
        }
        spec = {
            "user": caller.name,
            "uid": caller.uid,
            "groups": list(caller.groups),
            "extra": {key: list(values) for key, values in caller.extra},
            "resourceAttributes": {key: value for key, value in attributes.items() if value},
        }
        review = self._cluster.create(SUBJECT_ACCESS_REVIEW, {"metadata": {}, "spec": spec})
        return (review.get("status") or {}).get("allowed") is True


def _fingerprint(token: str) -> str:
    """No token is kept in memory longer than its request, or the review that this set off."""
    return hashlib.sha256(token.encode()).hexdigest()
