"""Who calls, and what they may do: the cluster decides both. Whatever cannot be found out is refused."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from cachetools import TTLCache

from delivery.cluster.client import Cluster
from delivery.cluster.kinds import RELEASE, SUBJECT_ACCESS_REVIEW, TOKEN_REVIEW
from delivery.errors import HeadgateError

TOKEN_KEPT_S = 30.0
ANSWER_KEPT_S = 10.0
CACHED = 10_000
LONGEST_TOKEN = 16_384
READING = {"get", "watch"}


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
        """What allows it, the first to be asked first. To read all of a namespace is to read each: a fleet's readers
        are asked about once, not once a Release. Whoever acts is asked about by name."""
        return (Asked(self.verb, self.namespace), self) if self.name and self.verb in READING else (self,)

    def __str__(self) -> str:
        where = f" in namespace {self.namespace}" if self.namespace else " in all namespaces"
        return f"{self.verb} {RELEASE.plural}.{RELEASE.group}{where}"


class Access:
    """Answers are kept briefly, so that a right that was taken away is gone within seconds. Thread-safe."""

    def __init__(self, cluster: Cluster, clock: Callable[[], float] = monotonic) -> None:
        self._cluster = cluster
        self._lock = threading.Lock()
        self._callers: TTLCache[str, Caller] = TTLCache(CACHED, TOKEN_KEPT_S, clock)
        self._allowed: TTLCache[tuple[Caller, Asked], bool] = TTLCache(CACHED, ANSWER_KEPT_S, clock)

    def known(self, token: str) -> Caller | None:
        """The caller of a token that was reviewed a moment ago; asks nobody."""
        with self._lock:
            return self._callers.get(_fingerprint(token))

    def caller(self, token: str) -> Caller:
        """Raises Unauthenticated, and HeadgateError where the cluster cannot be asked."""
        known = self.known(token)
        if known is not None:
            return known
        if not token or len(token) > LONGEST_TOKEN:
            raise Unauthenticated("no usable token; send `Authorization: Bearer TOKEN` with a token of this cluster")
        review = self._cluster.create(TOKEN_REVIEW, {"metadata": {}, "spec": {"token": token}})
        status = review.get("status") or {}
        if status.get("authenticated") is not True:
            raise Unauthenticated("the cluster does not know this token; it may have expired: get a new one")
        user = status.get("user") or {}
        extra = tuple((key, tuple(values)) for key, values in sorted((user.get("extra") or {}).items()))
        found = Caller(user.get("username") or "", user.get("uid") or "", tuple(user.get("groups") or ()), extra)
        with self._lock:
            self._callers[_fingerprint(token)] = found
        return found

    def decided(self, caller: Caller, asked: Asked) -> bool | None:
        """What follows from what the cluster said a moment ago; None where it is to be asked."""
        with self._lock:
            known = [self._allowed.get((caller, way)) for way in asked.ways]
        return True if True in known else None if None in known else False

    def require(self, caller: Caller, asked: Asked) -> None:
        """Raises Forbidden, and HeadgateError where the cluster cannot be asked."""
        if not any(self._may(caller, way) for way in asked.ways):
            raise Forbidden(f"{caller.name} may not {asked}; a Role with that verb on that resource would allow it")

    def _may(self, caller: Caller, asked: Asked) -> bool:
        with self._lock:
            known = self._allowed.get((caller, asked))
        if known is None:
            known = self._ask(caller, asked)
            with self._lock:
                self._allowed[caller, asked] = known
        return known

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
    """No token is kept in memory longer than its request."""
    return hashlib.sha256(token.encode()).hexdigest()
