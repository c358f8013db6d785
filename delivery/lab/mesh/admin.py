"""What Envoy says of itself: which clusters it routes to, which routes it has."""

from __future__ import annotations

from dataclasses import dataclass

import requests

TIMEOUT_S = 2


@dataclass(frozen=True, slots=True)
class Admin:
    """Envoy's admin interface at `url`. Nothing is known while it does not answer."""

    url: str

    def clusters(self) -> set[str]:
        """The names of the clusters that are warm."""
        return {line.partition("::")[0] for line in self._ask("clusters").splitlines()}

    def routes_version(self) -> str:
        """The version of the route configuration that requests are routed by, "" for none."""
        for line in self._ask("stats?filter=^http\\.mesh\\.rds\\.mesh\\.version_text$").splitlines():
            return line.partition(": ")[2].strip('"')
        return ""

    def _ask(self, what: str) -> str:
        try:
            answer = requests.get(f"{self.url}/{what}", timeout=TIMEOUT_S)
        except requests.RequestException:
            return ""
        return answer.text
