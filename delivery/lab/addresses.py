"""Pod addresses of the lab.

The API refuses loopback addresses in endpoints, and the lab listens nowhere else. So a pod is called 10.a.b.c in the
API, and whoever connects to it (Envoy, the readiness probe) uses its twin 127.a.b.c. The second byte is the lab's own,
so that several labs on one machine do not meet.
"""

from __future__ import annotations

import random
import socket
from dataclasses import dataclass

_GUARD_PORT = 8079


def listen_address(pod_ip: str) -> str:
    """Where the pod that the API calls `pod_ip` listens. Raises ValueError for an address that is not a lab pod's."""
    if not pod_ip.startswith("10."):
        raise ValueError(f"{pod_ip} is no pod address of the lab (10.a.b.c)")
    return f"127.{pod_ip.removeprefix('10.')}"


@dataclass(slots=True)
class AddressRange:
    """10.N.0.0/16 for one lab; held as long as this object's socket is open."""

    number: int
    _guard: socket.socket
    _next: int = 1

    @classmethod
    def take(cls) -> AddressRange:
        """Takes a range no other lab on this machine holds. Raises OSError when all are taken."""
        numbers = random.sample(range(1, 255), 254)
        for number in numbers:
            guard = socket.socket()
            try:
                guard.bind((f"127.{number}.0.1", _GUARD_PORT))
                guard.listen(1)
            except OSError:
                guard.close()
                continue
            return cls(number, guard)
        raise OSError("every pod address range of this machine is taken by another lab")

    def pod_ip(self) -> str:
        """An address that no pod of this lab had before (until 65,000 were given)."""
        self._next = self._next % 65_000 + 1
        return f"10.{self.number}.{self._next >> 8}.{self._next & 255}"

    def release(self) -> None:
        self._guard.close()
