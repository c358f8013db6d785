"""Who somebody is, by the token they show, and what they may do, by the RBAC objects there are.

Both only answer reviews: this server itself lets everybody do everything, as a lab's should.
"""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from delivery.lab.apiserver.status import Json
from delivery.lab.apiserver.store import Store

_RBAC = "rbac.authorization.k8s.io"
_MASTERS = "system:masters"
_AUTHENTICATED = "system:authenticated"


@dataclass(frozen=True, slots=True)
class User:
    """As a TokenReview names one."""

    name: str
    uid: str
    groups: tuple[str, ...]

    def info(self) -> Json:
        return {"username": self.name, "uid": self.uid, "groups": list(self.groups)}


@dataclass(frozen=True, slots=True)
class Asked:
    """The resource attributes of an access review; `name` and `namespace` "" for all of them."""

    verb: str
    group: str
    resource: str
    namespace: str
    name: str


class Reviews:
    """Answers TokenReviews and access reviews, and issues ServiceAccounts' tokens."""

    def __init__(self, store: Store, admin_token: str) -> None:
        self._store = store
        admin = User("admin", "admin", (_MASTERS, _AUTHENTICATED))
        self._users = {admin_token: admin} if admin_token else {}

    def issue(self, account: Mapping[str, Any]) -> str:
        """A token for the ServiceAccount of this metadata."""
        namespace, token = account["namespace"], secrets.token_urlsafe(24)
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", _AUTHENTICATED)
        name = f"system:serviceaccount:{namespace}:{account['name']}"
        self._users[token] = User(name, account["uid"], groups)
        return token

    def user_of(self, token: str) -> User | None:
        return self._users.get(token)

    def answer(self, kind: str, spec: Mapping[str, Any]) -> Json:
        """The status of a review of that kind."""
        if kind == "TokenReview":
            user = self.user_of(str(spec.get("token") or ""))
            return {"authenticated": True, "user": user.info()} if user else {"authenticated": False}
        if kind == "SelfSubjectAccessReview":
            return {"allowed": True}
        user = User(str(spec.get("user") or ""), "", tuple(spec.get("groups") or ()))
        asked = spec.get("resourceAttributes") or {}
        fields = ("verb", "group", "resource", "namespace", "name")
        return {"allowed": self._allowed(user, Asked(*(str(asked.get(field) or "") for field in fields)))}

    def _allowed(self, user: User, asked: Asked) -> bool:
        return _MASTERS in user.groups or any(_permits(rule, asked) for rule in self._rules(user, asked.namespace))

    def _rules(self, user: User, namespace: str) -> Iterator[Json]:
        """The rules that bindings give to the user: everywhere, and in the namespace."""
        for binding in self._store.listing((_RBAC, "clusterrolebindings"), None):
            yield from self._bound(binding, user, "")
        if namespace:
            for binding in self._store.listing((_RBAC, "rolebindings"), namespace):
                yield from self._bound(binding, user, namespace)

    def _bound(self, binding: Json, user: User, namespace: str) -> Iterator[Json]:
        if not any(_is(subject, user, namespace) for subject in binding.get("subjects") or ()):
            return
        role = binding["roleRef"]
        plural, where = ("roles", namespace) if role["kind"] == "Role" else ("clusterroles", "")
        found = self._store.get((_RBAC, plural), (where, role["name"]))
        yield from (found or {}).get("rules") or ()


def _is(subject: Mapping[str, Any], user: User, namespace: str) -> bool:
    if subject["kind"] == "Group":
        return subject["name"] in user.groups
    if subject["kind"] == "ServiceAccount":
        return user.name == f"system:serviceaccount:{subject.get('namespace') or namespace}:{subject['name']}"
    return bool(subject["name"] == user.name)


def _permits(rule: Mapping[str, Any], asked: Asked) -> bool:
    named = rule.get("resourceNames") or ()
    return (
        _covers(rule.get("verbs"), asked.verb)
        and _covers(rule.get("apiGroups"), asked.group)
        and _covers(rule.get("resources"), asked.resource)
        and (not named or asked.name in named)
    )


def _covers(listed: list[str] | None, wanted: str) -> bool:
    return wanted in (listed or ()) or "*" in (listed or ())
