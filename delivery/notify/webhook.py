"""A webhook: a CloudEvent, signed as Standard Webhooks has it."""

from __future__ import annotations

import asyncio
import base64
import binascii
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from cloudevents.core.bindings.http import HTTPMessage, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from standardwebhooks.webhooks import Webhook as Signer

from delivery.clock import Clock
from delivery.errors import InvalidSpec
from delivery.notify.message import Message
from delivery.notify.sending import NotAccepted, NotDelivered

TYPE = "dev.headgate.release."
TIMEOUT_S = 10.0
SECRET_BYTES = (24, 64)  # what Standard Webhooks asks of a secret
# What was asked is wrong, or no more is wanted: the same again would be answered the same.
FINAL = {400, 405, 410, 413, 415, 422}


@dataclass(frozen=True, slots=True)
class Webhook:
    """The secret and the authorities are read anew for every message; `timeout_s` is for all of one call.

    A secret file of several lines signs by each of them, so that a receiver may change its secret in its own time.
    """

    url: str = field(repr=False)
    secret_file: Path
    clock: Clock
    ca_file: Path | None = None
    timeout_s: float = TIMEOUT_S

    @property
    def host(self) -> str:
        """What may be said of the address: its path may be a secret."""
        return urlsplit(self.url).netloc.rpartition("@")[2]

    def check(self) -> None:
        """Raises InvalidSpec where a file cannot be used."""
        secrets_of(self.secret_file)
        self._authorities()

    def send(self, message: Message) -> None:
        """Raises NotDelivered or NotAccepted."""
        event = to_structured(event_of(message), JSONFormat())
        try:
            headers = {**event.headers, **self._signed(message.id, event.body)}
            status, after = asyncio.run(self._post(HTTPMessage(headers, event.body), self._authorities()))
        except TimeoutError as problem:
            raise NotDelivered(f"{self.host}: no answer within {self.timeout_s:g} s") from problem
        except InvalidSpec as problem:
            raise NotDelivered(str(problem)) from problem
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as problem:
            said = str(problem).replace(self.url, self.host) or type(problem).__name__
            raise NotDelivered(f"{self.host}: {said}") from problem
        self._judge(status, after)

    def _judge(self, status: int, after: float | None) -> None:
        if 200 <= status < 300:
            return
        told = f"{self.host} answered {status}"
        if status in FINAL:
            raise NotAccepted(told)
        redirected = "; redirects are not followed, write the final address" if 300 <= status < 400 else ""
        raise NotDelivered(told + redirected, after=after)

    def _signed(self, message_id: str, body: bytes) -> dict[str, str]:
        now = datetime.fromtimestamp(self.clock.now(), UTC)
        text = body.decode()
        signatures = [Signer(secret).sign(message_id, now, text) for secret in secrets_of(self.secret_file)]
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
        }

    def _authorities(self) -> ssl.SSLContext | None:
        if self.ca_file is None:
            return None
        try:
            return ssl.create_default_context(cafile=str(self.ca_file))
        except OSError as problem:  # an ssl.SSLError is one
            raise InvalidSpec(f"the file of authorities {self.ca_file} cannot be used: {problem}") from problem

    async def _post(self, asked: HTTPMessage, authorities: ssl.SSLContext | None) -> tuple[int, float | None]:
        verify = True if authorities is None else authorities
        async with (
            asyncio.timeout(self.timeout_s),
            httpx.AsyncClient(verify=verify, timeout=self.timeout_s, follow_redirects=False) as client,
            client.stream("POST", self.url, content=asked.body, headers=asked.headers) as answer,
        ):
            return answer.status_code, _retry_after(answer.headers)  # its body, of whatever length, is not read


def event_of(message: Message) -> CloudEvent:
    """The message as a CloudEvent 1.0."""
    attributes = {
        "type": f"{TYPE}{message.kind}",
        "source": message.source,
        "id": message.id,
        "subject": message.subject,
        "time": datetime.fromtimestamp(message.at, UTC),
        "datacontenttype": "application/json",
    }
    return CloudEvent(attributes, {**message.facts, "title": message.title, "text": message.body})


def secrets_of(path: Path) -> list[bytes]:
    """The file's secrets, one a line, newest first. Raises InvalidSpec, which names the file and no secret."""
    try:
        lines = [line.strip() for line in path.read_text().splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as problem:
        raise InvalidSpec(f"the secret file {path} cannot be read: {_why(problem)}") from problem
    if not lines:
        raise InvalidSpec(f"the secret file {path} is empty")
    return [_secret(line, f"the secret file {path}, line {number}") for number, line in enumerate(lines, 1)]


def _secret(text: str, where: str) -> bytes:
    least, most = SECRET_BYTES
    try:
        found = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if not least <= len(found) <= most:
        raise InvalidSpec(
            f"{where}: not the base64 of {least} to {most} bytes; make one: echo whsec_$(openssl rand -base64 32)"
        )
    return found


def _retry_after(headers: Mapping[str, str]) -> float | None:
    told = headers.get("Retry-After", "")
    return float(told) if told.isdecimal() else None


def _why(problem: OSError | UnicodeDecodeError) -> str:
    return problem.strerror or str(problem) if isinstance(problem, OSError) else "it is no text"
