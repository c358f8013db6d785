"""Envoy's dynamic configuration as files in one folder."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from delivery.lab.mesh.naming import Upstream


@dataclass(slots=True)
class Files:
    """Each file is replaced by rename, which is what Envoy watches."""

    folder: Path
    _written: dict[Path, str] = field(default_factory=dict)
    _versions: dict[Path, str] = field(default_factory=dict)

    @property
    def clusters(self) -> Path:
        return self.folder / "clusters.json"

    @property
    def routes(self) -> Path:
        return self.folder / "routes.json"

    def endpoints(self, upstream: Upstream) -> Path:
        return self.folder / f"endpoints-{re.sub('[^A-Za-z0-9.-]', '_', upstream.cluster)}.json"

    def put(self, path: Path, resources: list[dict[str, Any]]) -> bool:
        """Writes a discovery response where it differs from the last one; True when it was written."""
        body = json.dumps(resources, sort_keys=True)
        if self._written.get(path) == body:
            return False
        version = str(time.time_ns())
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps({"version_info": version, "resources": resources}))
        fresh.replace(path)
        self._written[path], self._versions[path] = body, version
        return True

    def version(self, path: Path) -> str:
        """The version that was last written there, "" for none."""
        return self._versions.get(path, "")
