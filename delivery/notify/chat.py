"""Chats, mail and whatever else apprise speaks.

Imported only where a channel is one of these: apprise takes a second and some 20 MB to load.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType
from apprise.plugins.base import NotifyBase

from delivery.errors import InvalidSpec
from delivery.notify.message import Message
from delivery.notify.news import NewsKind
from delivery.notify.sending import NotDelivered

_TYPES = {
    NewsKind.PROMOTED: NotifyType.SUCCESS,
    NewsKind.PAUSED: NotifyType.WARNING,
    NewsKind.STALLED: NotifyType.WARNING,
    NewsKind.BYPASSED: NotifyType.WARNING,
    NewsKind.ROLLED_BACK: NotifyType.FAILURE,
    NewsKind.FAILED: NotifyType.FAILURE,
}
# Its log holds addresses, and these hold tokens: nobody gets it. No `disabled`, which every later configuration of
# logging, as a web server's, takes back.
logging.getLogger("apprise").addFilter(lambda _record: False)


@dataclass(slots=True)
class Chat:
    """The addresses of a file, read anew for every message, or one that is no secret.

    Where one of several did not take a message, only that one gets it again.
    """

    url_file: Path | None = None
    url: str = field(default="", repr=False)
    _message: str = ""
    _taken: set[str] = field(default_factory=set, repr=False)

    def check(self) -> None:
        """Raises InvalidSpec for an address apprise cannot use; no more of it is told than its scheme."""
        self._services()

    def send(self, message: Message) -> None:
        """Raises NotDelivered."""
        if message.id != self._message:
            self._message, self._taken = message.id, set()
        try:
            services = self._services()
        except InvalidSpec as problem:
            raise NotDelivered(str(problem)) from problem
        failed = [service for url, service in services.items() if not self._took(url, service, message)]
        if failed:
            kinds = ", ".join(dict.fromkeys(str(service.service_name) for service in failed))
            raise NotDelivered(f"{len(failed)} of {len(services)} did not take it ({kinds})")

    def _took(self, url: str, service: NotifyBase, message: Message) -> bool:
        if url in self._taken:
            return True
        told = Apprise(asset=service.asset)
        told.add(service)
        kind = _TYPES.get(message.kind, NotifyType.INFO)
        took = bool(told.notify(message.body, message.title, kind, body_format=NotifyFormat.TEXT))
        if took:
            self._taken.add(url)
        return took

    def _services(self) -> dict[str, NotifyBase]:
        lines = [(0, self.url)] if self.url else _lines(self.url_file)
        found: dict[str, NotifyBase] = {}
        for number, url in lines:
            asset = AppriseAsset(async_mode=False, storage_mode="memory", http_redirects=False)
            service = Apprise.instantiate(url, asset=asset)
            if not isinstance(service, NotifyBase):
                where = f"{self.url_file}, line {number}" if number else "url"
                scheme = url.partition("://")[0] if "://" in url else ""
                raise InvalidSpec(f"{where}: no address that apprise can use (it begins with {scheme[:20]}://)")
            found[url] = service
        return found


def _lines(path: Path | None) -> list[tuple[int, str]]:
    """The addresses with the numbers of their lines."""
    try:
        written = path.read_text().splitlines() if path else []
    except OSError as problem:
        raise InvalidSpec(f"the file of addresses {path} cannot be read: {problem.strerror}") from problem
    except UnicodeDecodeError as problem:
        raise InvalidSpec(f"the file of addresses {path} is no text") from problem
    found = [(number, line.strip()) for number, line in enumerate(written, 1)]
    found = [(number, line) for number, line in found if line and not line.startswith("#")]
    if not found:
        raise InvalidSpec(f"the file of addresses {path} is empty")
    return found
