"""Webhooks, sent to a receiver that verifies them as a stranger would."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_structured
from cloudevents.core.formats.json import JSONFormat
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from delivery.clock import WallClock
from delivery.errors import InvalidSpec
from delivery.notify.sending import NotAccepted, NotDelivered
from delivery.notify.webhook import Webhook
from tests.notify.given import STORY, lines, message
from tests.notify.receiver import Receiver, Request, receiving

SECRETS = ["whsec_" + base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2)]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(SECRETS[0] + "\n")
    return path


def webhook(receiver: Receiver, secret: Path, **more: Any) -> Webhook:
    return Webhook(receiver.url, secret, WallClock(), **more)


def verified(request: Request, secret: str = SECRETS[0]) -> Any:
    return Verifier(secret).verify(request.body, request.headers)


def test_it_is_a_cloud_event_whose_signature_holds(receiver: Receiver, secret: Path) -> None:
    told = message(lines(*STORY[:3]), "https://pages.example")
    webhook(receiver, secret).send(told)
    [request] = receiver.requests
    assert verified(request)["id"] == told.id == request.headers["webhook-id"]
    assert request.headers["content-type"] == "application/cloudevents+json"
    event = from_structured(HTTPMessage(request.headers, request.body), JSONFormat())
    assert event.get_specversion() == "1.0"
    assert event.get_type() == "dev.headgate.release.paused"
    assert event.get_source() == "/apis/headgate.dev/v1alpha1/namespaces/shop/releases/web-bbbbbbbbbb"
    assert event.get_subject() == "shop/web"
    time = event.get_time()
    assert time is not None
    assert time.timestamp() == told.at
    data = event.get_data()
    assert isinstance(data, dict)
    assert data == {**told.facts, "title": told.title, "text": told.body}


def test_what_was_tampered_with_does_not_verify(receiver: Receiver, secret: Path) -> None:
    webhook(receiver, secret).send(message())
    [request] = receiver.requests
    changed = {**json.loads(request.body), "type": "dev.headgate.release.promoted!"}
    for body, key in ((json.dumps(changed).encode(), SECRETS[0]), (request.body, SECRETS[1])):
        with pytest.raises(WebhookVerificationError):
            Verifier(key).verify(body, request.headers)


def test_a_secret_is_changed_without_a_gap(receiver: Receiver, secret: Path) -> None:
    sender = webhook(receiver, secret)
    sender.send(message())
    secret.write_text(f"{SECRETS[1]}\n{SECRETS[0]}\n")
    sender.send(message())
    secret.write_text(SECRETS[1])
    sender.send(message())
    before, between, after = receiver.requests
    for request, key in ((before, 0), (between, 0), (between, 1), (after, 1)):
        verified(request, SECRETS[key])
    with pytest.raises(WebhookVerificationError):
        verified(after, SECRETS[0])


@pytest.mark.parametrize(("status", "raised"), [(500, NotDelivered), (401, NotDelivered), (410, NotAccepted)])
def test_what_is_not_taken_is_told_by_its_status(
    receiver: Receiver, secret: Path, status: int, raised: type[Exception]
) -> None:
    receiver.status = status
    with pytest.raises(raised, match=f"127.0.0.1:{receiver.port} answered {status}$"):
        webhook(receiver, secret).send(message())


def test_a_receiver_says_when_to_come_again(receiver: Receiver, secret: Path) -> None:
    receiver.status, receiver.headers = 429, {"Retry-After": "7"}
    with pytest.raises(NotDelivered) as told:
        webhook(receiver, secret).send(message())
    assert told.value.after == 7


def test_a_redirect_is_not_followed(receiver: Receiver, secret: Path) -> None:
    receiver.status, receiver.headers = 307, {"Location": "/elsewhere"}
    with pytest.raises(NotDelivered, match="redirects are not followed"):
        webhook(receiver, secret).send(message())
    assert [request.path for request in receiver.requests] == ["/hook"]


def test_an_answer_without_end_is_not_read(receiver: Receiver, secret: Path) -> None:
    receiver.status, receiver.endless = 200, True
    webhook(receiver, secret).send(message())


def test_a_receiver_that_says_nothing_is_waited_for_no_longer_than_allowed(receiver: Receiver, secret: Path) -> None:
    receiver.open.clear()
    with pytest.raises(NotDelivered, match=r"no answer within 0.2 s"):
        webhook(receiver, secret, timeout_s=0.2).send(message())


def test_nobody_there_is_told_without_the_address_path(secret: Path) -> None:
    with receiving() as gone:
        address = gone.url
    with pytest.raises(NotDelivered) as told:
        Webhook(address, secret, WallClock()).send(message())
    assert "/hook" not in str(told.value)
    assert f"127.0.0.1:{gone.port}" in str(told.value)


@pytest.mark.parametrize("written", ["", "hello", "whsec_c2hvcnQ=", "whsec_" + "A" * 200])
def test_a_secret_that_is_none_is_refused_and_not_shown(receiver: Receiver, secret: Path, written: str) -> None:
    secret.write_text(written)
    with pytest.raises(InvalidSpec) as told:
        webhook(receiver, secret).check()
    assert str(secret) in str(told.value)
    assert not written or written not in str(told.value)
    with pytest.raises(NotDelivered):
        webhook(receiver, secret).send(message())


def test_authorities_that_cannot_be_used_are_refused(receiver: Receiver, secret: Path, tmp_path: Path) -> None:
    for path in (tmp_path / "missing.pem", secret):
        with pytest.raises(InvalidSpec, match="file of authorities"):
            webhook(receiver, secret, ca_file=path).check()
