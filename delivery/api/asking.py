"""Asking for something: a release of a new image, a word on one that is going on. Only intents are written."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog
from fastapi import APIRouter, Request

from delivery.api import examples
from delivery.api.board import Board
from delivery.api.description import answers, asks
from delivery.api.guarding import VERB, GuardedRoute, caller_of
from delivery.api.models import Accepted, Key, Name, Namespace, Triggered, TriggerRequest, Wish
from delivery.api.problems import documented
from delivery.cluster.client import Cluster
from delivery.intents import trigger as triggering
from delivery.intents.ask import ask
from delivery.resources.release import Intent, Verb

log = structlog.get_logger()
router = APIRouter(prefix="/api/v1", tags=["ask"], route_class=GuardedRoute)
VERBS: dict[Verb, str] = {
    "approve": "Let a Release that is Paused for approval leave its step",
    "promote": "Roll the new version out now, without waiting for the rest of the evidence",
    "pause": "Keep the Release at its weight",
    "resume": "Go on with the step",
    "abort": "Withdraw the new version",
    "retry": "Deliver a version again that was rolled back",
}


@router.post(
    "/namespaces/{namespace}/deployments/{name}/releases",
    status_code=202,
    openapi_extra={VERB: "trigger", **asks(examples.TRIGGER)},
    responses=answers(202, examples.TRIGGERED) | documented(404, 409),
    summary="Give a Deployment a new image, which begins a Release",
)
def trigger(
    request: Request,
    namespace: Namespace,
    name: Name,
    wish: TriggerRequest,
    idempotency_key: Key = None,
) -> Triggered:
    cluster: Cluster = request.app.state.cluster
    by = caller_of(request).name
    asked = triggering.Wish(
        image=wish.image,
        container=wish.container,
        version=wish.version or None,
        release_id=wish.release_id,
        policy=wish.policy,
        key=idempotency_key,
        by=by,
        reason=wish.reason,
    )
    done = triggering.trigger(cluster, namespace, name, asked, time.time())
    log.info("triggered", deployment=f"{namespace}/{name}", by=by, release_id=done.release_id, changed=done.changed)
    return Triggered(
        namespace=namespace,
        deployment=name,
        release_id=done.release_id,
        changed=done.changed,
        replayed=done.replayed,
    )


def _add(verb: Verb, summary: str) -> None:
    def write(request: Request, namespace: Namespace, name: Name, wish: Wish) -> Accepted:
        cluster: Cluster = request.app.state.cluster
        board: Board = request.app.state.board
        by = caller_of(request).name
        row = board.find(namespace, name)
        intent = Intent(verb=verb, by=by, reason=wish.reason, at=time.time())
        written = ask(cluster, namespace, name, intent, known=row.release if row else None)
        log.info("intent", verb=verb, release=written.key, by=by, reason=wish.reason)
        return Accepted(
            namespace=namespace, name=written.name, verb=verb, by=by, resource_version=written.resource_version
        )

    route: Callable[[Callable[..., Accepted]], object] = router.post(
        f"/namespaces/{{namespace}}/releases/{{name}}/{verb}",
        status_code=202,
        openapi_extra={VERB: verb, **asks(examples.WISH)},
        responses=answers(202, examples.accepted(verb)) | documented(404, 409),
        summary=summary,
        name=verb,
        operation_id=verb,
    )
    route(write)


for _verb, _summary in VERBS.items():
    _add(_verb, _summary)
