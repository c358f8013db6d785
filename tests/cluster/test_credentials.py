"""Who we are is worked out once a second, not for every call; a token that was renewed is used from then on."""

from __future__ import annotations

from kubernetes.client import Configuration

from delivery.cluster.credentials import KNOWN_S, Authorization


class RotatedToken:
    """A configuration whose token is another one at each look, as a file's is that somebody writes anew."""

    def __init__(self) -> None:
        self.looks = 0
        self.configuration = Configuration(host="http://127.0.0.1:1", api_key={"authorization": "Bearer 0"})
        self.configuration.refresh_api_key_hook = self._refresh  # type: ignore[assignment]  # the client's stub says None

    def _refresh(self, configuration: Configuration) -> None:
        self.looks += 1
        configuration.api_key["authorization"] = f"Bearer {self.looks}"


def test_a_token_is_looked_for_once_a_second() -> None:
    token, now = RotatedToken(), [100.0]
    authorization = Authorization(token.configuration, lambda: now[0])
    first = [authorization.headers() for _ in range(3)]
    now[0] += KNOWN_S / 2
    assert [*first, authorization.headers()] == [{"authorization": "Bearer 1"}] * 4
    now[0] += KNOWN_S
    assert authorization.headers() == {"authorization": "Bearer 2"}
    assert token.looks == 2


def test_without_a_token_there_is_a_name_and_a_password_or_nothing() -> None:
    assert Authorization(Configuration()).headers() == {}
    named = Configuration(username="controller", password="secret")
    assert Authorization(named).headers() == {"authorization": "Basic Y29udHJvbGxlcjpzZWNyZXQ="}
