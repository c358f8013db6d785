"""The colours of pages and charts, as CSS custom properties for light and for dark."""

from __future__ import annotations

from collections.abc import Mapping

LIGHT: Mapping[str, str] = {
    "ground": "#ffffff",
    "panel": "#f4f5f7",
    "text": "#1b1f24",
    "muted": "#4e5761",
    "line": "#c4cad1",
    "link": "#0b57d0",
    "stable": "#0b57d0",
    "canary": "#a63c06",
    "rollback": "#b3261e",
    "advance": "#1a6b3c",
    "waiting": "#7a4f00",
}
DARK: Mapping[str, str] = {
    "ground": "#14171b",
    "panel": "#1f242a",
    "text": "#e6e8eb",
    "muted": "#aeb6bf",
    "line": "#434b54",
    "link": "#8ab4f8",
    "stable": "#8ab4f8",
    "canary": "#f6b26b",
    "rollback": "#ff9a92",
    "advance": "#7dd99b",
    "waiting": "#f0c36a",
}


def custom_properties(colours: Mapping[str, str]) -> str:
    """The colours as declarations, `--stable: #0b57d0;` and so on."""
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())
