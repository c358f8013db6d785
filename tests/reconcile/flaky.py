"""A client whose writes fail now and then: before they happened, after they happened, or because somebody was first."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from delivery.cluster.client import Cluster, Object, PatchType
from delivery.cluster.credentials import api_client
from delivery.cluster.kinds import Kind
from delivery.errors import Conflict, Unavailable

Answer = TypeVar("Answer")


class FlakyCluster(Cluster):
    """Of all writes the share `rate` fails, drawn from `seed`; `failed` counts them."""

    rate = 0.0
    failed = 0

    @classmethod
    def with_failures(cls, kubeconfig: Path, rate: float, seed: int) -> FlakyCluster:
        made = cls(api_client(kubeconfig))
        made.rate = rate
        made._random = random.Random(seed)
        return made

    _random = random.Random()

    def create(self, kind: Kind, obj: Mapping[str, Any], *, subresource: str = "") -> Object:
        return self._perhaps(lambda: super(FlakyCluster, self).create(kind, obj, subresource=subresource))

    def replace(self, kind: Kind, obj: Mapping[str, Any], *, subresource: str = "") -> Object:
        return self._perhaps(lambda: super(FlakyCluster, self).replace(kind, obj, subresource=subresource))

    def patch(
        self,
        kind: Kind,
        name: str,
        namespace: str | None,
        body: Any,
        *,
        patch_type: PatchType = "application/merge-patch+json",
        subresource: str = "",
    ) -> Object:
        return self._perhaps(
            lambda: super(FlakyCluster, self).patch(
                kind, name, namespace, body, patch_type=patch_type, subresource=subresource
            )
        )

    def delete(self, kind: Kind, name: str, namespace: str | None = None, **more: Any) -> None:
        self._perhaps(lambda: super(FlakyCluster, self).delete(kind, name, namespace, **more))

    def _perhaps(self, write: Callable[[], Answer]) -> Answer:
        drawn = self._random.random()
        if drawn < self.rate:
            self.failed += 1
            if drawn < self.rate / 3:
                raise Conflict("somebody else wrote first (a test's doing)")
            if drawn < self.rate * 2 / 3:
                raise Unavailable("connection refused (a test's doing)")
            write()
            raise Unavailable("the answer was lost (a test's doing)")
        return write()
