"""HTTP with a bound on everything: a whole answer within the time and the size, or an error that says which it was.

`requests` bounds the wait for each piece of an answer, not for all of it: a server that sends a byte now and then holds
a caller for ever. Here a timer shuts the connection at the deadline, in whatever state it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import requests

from delivery.telemetry.answers import words_of
from delivery.telemetry.connecting import Adapter, Call
from delivery.telemetry.reasons import AnswerProblem, Reason
from delivery.telemetry.statuses import BadStatus

PIECE = 65_536
ERROR_BYTES = 131_072  # of the body of a refusal: more is read by nobody


class BoundedSession(requests.Session):
    """Every call is a POST of its parameters as a form: a query may be longer than an address may be. `decode` is what
    an answer's `json` does with its content; it raises AnswerProblem.

    Raises AnswerProblem, also for every status but 200, and what `requests` raises.
    """

    def __init__(self, timeout_s: float, max_bytes: int, decode: Callable[[bytearray], Any]) -> None:
        super().__init__()
        self._decode = decode
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self.trust_env = False  # which proxy and which credentials are used is said, not found
        for scheme in ("http://", "https://"):
            self.bound(scheme)

    def bound(self, prefix: str) -> None:
        """Makes it so for every address that begins so, where somebody else had a say about it."""
        self.mount(prefix, Adapter())

    def request(  # type: ignore[override]  # the library that calls this gives these by name
        self, method: str, url: str, params: Mapping[str, str] | None = None, **options: Any
    ) -> requests.Response:
        del method
        within = min(self._timeout_s, float(options.get("timeout") or self._timeout_s))
        options["timeout"] = within
        call = Call(within)
        try:
            response = super().request("POST", url, data=params, stream=True, allow_redirects=False, **options)
            content = self._read(response)
        except AnswerProblem:
            raise
        except Exception as problem:  # a connection that is shut under a reader fails in many ways
            if call.late:
                raise call.too_late() from problem
            raise
        finally:
            call.close()
        if call.late:  # a body without a length ends where the connection does
            raise call.too_late()
        response.json = lambda **_: self._decode(content)  # type: ignore[method-assign]  # for its caller
        return response

    def _read(self, response: requests.Response) -> bytearray:
        refused = response.status_code != 200
        most, content = ERROR_BYTES if refused else self._max_bytes, bytearray()
        with response:
            for piece in response.iter_content(PIECE):
                content += piece
                if len(content) > most:
                    break
        if refused:
            raise BadStatus(response.status_code, words_of(content))
        if len(content) > most:
            told = f"the answer is larger than {most / 1e6:g} MB: fewer series, or shorter labels"
            raise AnswerProblem(Reason.TOO_LARGE, told)
        return content
