"""The cookie that keeps whom the canary answered with the canary: what a response header says of it."""

import re
from typing import Any

from mesh_adapters.adapter import Stickiness

HEADER = "Set-Cookie"


def cookie_value(sticky: Stickiness, canary: str) -> str:
    """What the response header says."""
    return f"{sticky.cookie}={canary}; Max-Age={sticky.max_age_s}; Path=/"


def is_our_cookie(value: Any, canary: str) -> bool:
    """Whether a response header was set by us for this canary, whatever the cookie's name is."""
    return bool(re.fullmatch(rf"[^=;]+={re.escape(canary)}; Max-Age=\d+; Path=/", str(value)))


def is_header(name: Any) -> bool:
    """Whether this is the header's name, which is compared without case."""
    return str(name).lower() == HEADER.lower()
