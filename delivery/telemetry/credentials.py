"""What is sent to prove who asks: read anew for every call, fit to be sent, and never told in a message."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from requests import PreparedRequest
from requests.auth import AuthBase, HTTPBasicAuth
from requests.utils import get_auth_from_url

from delivery.errors import InvalidSpec
from delivery.telemetry.reasons import AnswerProblem, Reason

LONGEST = 65_536  # bytes of a file
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Bearer(AuthBase):
    """The token that is in the file when the call is made."""

    def __init__(self, path: Path) -> None:
        self._path = path
        required(path, "bearer token")

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = f"Bearer {_current(self._path, 'bearer token')}"
        return request


class Basic(AuthBase):
    """The password that is in the file when the call is made."""

    def __init__(self, username: str, path: Path) -> None:
        self._username = username
        self._path = path
        _require_fit(username, "the user name for Prometheus")
        required(path, "password")

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        HTTPBasicAuth(self._username, _current(self._path, "password"))(request)
        return request


def required(path: Path, what: str) -> str:
    """The secret in a file. Raises InvalidSpec that names the file and says nothing of what is in it."""
    told = f"the file of Prometheus' {what}, {path}"
    try:
        with path.open("rb") as file:
            content = file.read(LONGEST + 1)
    except OSError as problem:
        raise InvalidSpec(f"{told}, cannot be read: {problem.strerror}") from problem
    try:
        text = content.decode().strip()
    except UnicodeDecodeError:
        raise InvalidSpec(f"{told}, is no text") from None
    if len(content) > LONGEST:
        raise InvalidSpec(f"{told}, is longer than {LONGEST} bytes")
    _require_fit(text, told)
    return text


def require_headers(headers: Mapping[str, str]) -> None:
    """Raises InvalidSpec for what HTTP does not carry; a value may be a secret."""
    for name, value in headers.items():
        if not _HEADER.fullmatch(name):
            raise InvalidSpec(f"{name!r} is no name of a header")
        _require_fit(value, f"the header {name} for Prometheus")


def require_address(url: str, what: str) -> None:
    """Raises InvalidSpec where an address has credentials that cannot be sent."""
    username, password = get_auth_from_url(url)
    if username or password:
        _require_fit(f"{username}{password}", f"the user name and password in the address of {what}")


def _require_fit(text: str, told: str) -> None:
    if not text:
        raise InvalidSpec(f"{told}, is empty")
    if len(text.splitlines()) > 1:
        raise InvalidSpec(f"{told}, has more than one line")
    if not text.isprintable() or max(text) > "\xff":
        raise InvalidSpec(f"{told}, has characters that no HTTP header carries; use printable ones of Latin-1")


def _current(path: Path, what: str) -> str:
    try:
        return required(path, what)
    except InvalidSpec as problem:
        raise AnswerProblem(Reason.NO_CREDENTIALS, str(problem)) from None
