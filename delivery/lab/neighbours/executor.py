"""Applies a plan: one call an action, in order, nothing decided here."""

from __future__ import annotations

import structlog

from delivery.cluster.client import Cluster
from delivery.errors import NotFound
from delivery.lab.neighbours.plan import Action, Change, Create, Plan, Remove

log = structlog.get_logger()


def apply(cluster: Cluster, plan: Plan) -> None:
    """Carries out the actions. Raises what the client raises: Conflict means that the plan is outdated."""
    for action in plan.actions:
        _apply_one(cluster, action)


def _apply_one(cluster: Cluster, action: Action) -> None:
    match action:
        case Create(kind, obj, _):
            cluster.create(kind, obj)
        case Change(kind, name, namespace, body, _, subresource):
            cluster.patch(kind, name, namespace, body, subresource=subresource)
        case Remove(kind, name, namespace, uid, _):
            try:
                cluster.delete(kind, name, namespace, uid=uid)
            except NotFound:
                log.debug("gone already", kind=str(kind), name=name, namespace=namespace)
