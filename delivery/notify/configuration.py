"""The controller's file of channels: what it may say, and the channels it stands for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from pydantic import Field, ValidationError

from delivery.clock import Clock
from delivery.errors import InvalidSpec
from delivery.notify.news import NewsKind
from delivery.notify.sending import Sender
from delivery.notify.subscription import Subscription
from delivery.notify.webhook import TIMEOUT_S, Webhook
from delivery.resources.duration import Duration
from delivery.resources.refusals import sentences
from delivery.resources.spec import Spec

OPTION = "--notifications"


class AppriseSpec(Spec):
    url_file: Path | None = Field(default=None, description="addresses, one a line, which hold secrets")
    url: str = Field(default="", description="one that holds no secret")


class WebhookSpec(Spec):
    url: str
    secret_file: Path
    ca_file: Path | None = None
    timeout: Duration = Field(default=TIMEOUT_S, gt=0, le=60)


class ChannelSpec(Spec):
    name: str = Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")
    events: tuple[NewsKind, ...] = tuple(NewsKind)
    namespaces: tuple[str, ...] | None = None
    apprise: AppriseSpec | None = None
    webhook: WebhookSpec | None = None

    @property
    def subscription(self) -> Subscription:
        namespaces = None if self.namespaces is None else frozenset(self.namespaces)
        return Subscription(self.name, frozenset(self.events), namespaces)


class NotificationsSpec(Spec):
    """The file. `link` is the base URL of the controller's pages."""

    link: str = ""
    channels: tuple[ChannelSpec, ...] = ()


def read_notifications(path: Path) -> NotificationsSpec:
    """Raises InvalidSpec naming the file, the field and the fix."""
    try:
        written = yaml.safe_load(path.read_text()) or {}
        found = NotificationsSpec.model_validate(written, by_alias=True, by_name=False)
    except OSError as problem:
        raise InvalidSpec(f"{OPTION} {path} cannot be read: {problem.strerror}") from problem
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        raise InvalidSpec(f"{OPTION} {path} is no YAML: {_place(problem)}") from None  # it may quote a secret
    except ValidationError as problem:
        raise InvalidSpec(f"{OPTION} {path}: {'; '.join(sentences(problem, confidential=True))}") from None
    mistakes = list(_mistakes(found))
    if mistakes:
        raise InvalidSpec(f"{OPTION} {path}: {'; '.join(mistakes)}")
    return found


@dataclass(frozen=True, slots=True)
class Configured:
    """The file's channels: what each gets, and how it is sent."""

    link: str = ""
    senders: tuple[tuple[Subscription, Sender], ...] = ()


def configured(path: Path, clock: Clock) -> Configured:
    """What the file asks for. Raises InvalidSpec, also for an address or a secret that cannot be used."""
    spec = read_notifications(path)
    return Configured(spec.link, tuple(senders(spec, path, clock)))


def senders(spec: NotificationsSpec, path: Path, clock: Clock) -> list[tuple[Subscription, Sender]]:
    """What each channel gets, and how it is sent. Raises InvalidSpec for an address or a file that cannot be used."""
    found: list[tuple[Subscription, Sender]] = []
    for at, channel in enumerate(spec.channels):
        try:
            found.append((channel.subscription, _sender(channel, clock)))
        except InvalidSpec as problem:
            raise InvalidSpec(f"{OPTION} {path}: channels[{at}] ({channel.name}): {problem}") from problem
    return found


def _sender(channel: ChannelSpec, clock: Clock) -> Sender:
    if channel.webhook is not None:
        given = channel.webhook
        webhook = Webhook(given.url, given.secret_file, clock, given.ca_file, given.timeout)
        webhook.check()
        return webhook
    # Here, for whoever has no such channel is to be spared what it takes to load.
    from delivery.notify.chat import Chat  # noqa: PLC0415

    chat = Chat(channel.apprise.url_file, channel.apprise.url) if channel.apprise else Chat()
    chat.check()
    return chat


def _mistakes(spec: NotificationsSpec) -> Iterator[str]:
    """What concerns several fields. Said without their values, among which may be a secret."""
    if spec.link and not _is_http(spec.link):
        yield "link: no http or https address; write it like https://headgate.example"
    names = [channel.name for channel in spec.channels]
    for at, channel in enumerate(spec.channels):
        where = f"channels[{at}] ({channel.name})"
        if channel.name in names[:at]:
            yield f"{where}: there is another channel of that name; rename one"
        if (channel.apprise is None) == (channel.webhook is None):
            yield f"{where}: give exactly one of apprise and webhook"
        if channel.apprise is not None and (channel.apprise.url_file is None) == (not channel.apprise.url):
            yield f"{where}.apprise: give exactly one of urlFile and url"
        if channel.webhook is not None and not _is_http(channel.webhook.url):
            yield f"{where}.webhook.url: no http or https address; write it like https://ci.example/headgate"


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a bracket that is not closed
        return False
    return usable and not set(url) & set(" \t\n")


def _place(problem: yaml.YAMLError | UnicodeDecodeError) -> str:
    mark = getattr(problem, "problem_mark", None)
    return f"line {mark.line + 1}, column {mark.column + 1}" if mark else "it is no text"
