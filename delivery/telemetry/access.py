"""How a Prometheus-compatible API is reached, and how it is told who asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from requests.auth import AuthBase

from delivery.errors import InvalidSpec
from delivery.telemetry.answers import Result, decode
from delivery.telemetry.bounded import BoundedSession
from delivery.telemetry.credentials import Basic, Bearer, require_address, require_headers
from delivery.telemetry.reasons import without_credentials

TIMEOUT_S = 10.0  # an answer of 18,000 series from a busy Prometheus; the interval bounds it as well
MAX_BYTES = 32_000_000
MAX_SERIES = 100_000


@dataclass(frozen=True, slots=True)
class Access:
    """`url` is what `/api/v1/query` is appended to. Files are read anew for every call, so that they can be rotated.

    `timeout_s`, `max_bytes` and `max_series` bound every single answer. `headers` are sent with every call (Mimir and
    Cortex: X-Scope-OrgID); `ca_file` replaces the system's authorities; `cert_file` and `key_file` are for mutual TLS.
    """

    url: str = field(repr=False)
    bearer_token_file: Path | None = None
    username: str = ""
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    proxy: str = field(default="", repr=False)
    timeout_s: float = TIMEOUT_S
    max_bytes: int = MAX_BYTES
    max_series: int = MAX_SERIES

    @property
    def name(self) -> str:
        """The address as it may be told."""
        return without_credentials(self.url.rstrip("/"))

    def session(self) -> BoundedSession:
        """Calls that go this way. Raises InvalidSpec for what cannot be meant or cannot be read."""
        session = BoundedSession(self.timeout_s, self.max_bytes, partial(_decoded, self.max_series))
        session.auth = self._auth()
        require_address(self.url, "Prometheus")
        require_address(self.proxy, "Prometheus' proxy")
        require_headers(self.headers)
        session.headers.update(self.headers)
        session.verify = str(_readable(self.ca_file, "CA")) if self.ca_file else True
        if (self.cert_file is None) != (self.key_file is None):
            raise InvalidSpec(f"Prometheus {self.name}: a client certificate needs both its file and its key's")
        if self.cert_file and self.key_file:
            session.cert = (str(_readable(self.cert_file, "certificate")), str(_readable(self.key_file, "key")))
        if self.proxy:
            session.proxies = {"http": self.proxy, "https": self.proxy}
        return session

    def _auth(self) -> AuthBase | None:
        if self.bearer_token_file and (self.username or self.password_file):
            raise InvalidSpec(f"Prometheus {self.name}: give a bearer token or a user name and password, not both")
        if self.bearer_token_file:
            return Bearer(self.bearer_token_file)
        if self.username and self.password_file:
            return Basic(self.username, self.password_file)
        if self.username or self.password_file:
            raise InvalidSpec(f"Prometheus {self.name}: basic authentication needs a user name and a password file")
        return None


def _decoded(max_series: int, content: bytearray) -> dict[str, dict[str, Result]]:
    """As the client library takes it."""
    return {"data": {"result": decode(content, max_series)}}


def _readable(path: Path, what: str) -> Path:
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as problem:
        raise InvalidSpec(f"the file of Prometheus' {what}, {path}, cannot be read: {problem.strerror}") from problem
    return path
