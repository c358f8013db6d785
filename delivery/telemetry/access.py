"""How a Prometheus-compatible API is reached, and how it is told who asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from requests import PreparedRequest
from requests.auth import AuthBase, HTTPBasicAuth

from delivery.errors import InvalidSpec
from delivery.telemetry.answers import decode
from delivery.telemetry.bounded import BoundedSession

TIMEOUT_S = 5.0
MAX_BYTES = 32_000_000
MAX_SERIES = 100_000


@dataclass(frozen=True, slots=True)
class Access:
    """`url` is what `/api/v1/query` is appended to. Files are read anew for every call, so that they can be rotated.

    `timeout_s`, `max_bytes` and `max_series` bound every single answer. `headers` are sent with every call (Mimir and
    Cortex: X-Scope-OrgID); `ca_file` replaces the system's authorities; `cert_file` and `key_file` are for mutual TLS.
    """

    url: str
    bearer_token_file: Path | None = None
    username: str = ""
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    proxy: str = ""
    timeout_s: float = TIMEOUT_S
    max_bytes: int = MAX_BYTES
    max_series: int = MAX_SERIES

    def session(self) -> BoundedSession:
        """Calls that go this way. Raises InvalidSpec for what cannot be meant or cannot be read."""
        session = BoundedSession(self.timeout_s, self.max_bytes, decode)
        session.auth = self._auth()
        session.headers.update(self.headers)
        session.verify = str(_readable(self.ca_file, "CA")) if self.ca_file else True
        if (self.cert_file is None) != (self.key_file is None):
            raise InvalidSpec(f"Prometheus {self.url}: a client certificate needs both its file and its key's")
        if self.cert_file and self.key_file:
            session.cert = (str(_readable(self.cert_file, "certificate")), str(_readable(self.key_file, "key")))
        if self.proxy:
            session.proxies = {"http": self.proxy, "https": self.proxy}
        return session

    def _auth(self) -> AuthBase | None:
        if self.bearer_token_file and (self.username or self.password_file):
            raise InvalidSpec(f"Prometheus {self.url}: give a bearer token or a user name and password, not both")
        if self.bearer_token_file:
            return _Bearer(_readable(self.bearer_token_file, "bearer token"))
        if self.username and self.password_file:
            return _Basic(self.username, _readable(self.password_file, "password"))
        if self.username or self.password_file:
            raise InvalidSpec(f"Prometheus {self.url}: basic authentication needs a user name and a password file")
        return None


class _Bearer(AuthBase):
    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = f"Bearer {_secret(self._path, 'bearer token')}"
        return request


class _Basic(AuthBase):
    def __init__(self, username: str, path: Path) -> None:
        self._username = username
        self._path = path

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        HTTPBasicAuth(self._username, _secret(self._path, "password"))(request)
        return request


def _secret(path: Path, what: str) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as problem:
        raise InvalidSpec(f"the file of Prometheus' {what}, {path}, cannot be read: {problem}") from problem


def _readable(path: Path, what: str) -> Path:
    _secret(path, what)
    return path
