"""The package's templates: whatever they insert is escaped and fit to be shown."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from delivery.report import wording
from delivery.report.palette import DARK, LIGHT, custom_properties

_FILTERS = (
    wording.count,
    wording.evidence,
    wording.instant,
    wording.number,
    wording.percent,
    wording.percent_between,
    wording.span,
    wording.words,
)


@cache
def templates() -> Environment:
    """All names must be known: a typing error is no empty cell."""
    environment = Environment(
        loader=PackageLoader("delivery.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_fit,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update({shown.__name__: shown for shown in _FILTERS})
    environment.globals.update(
        light=custom_properties(LIGHT),
        dark=custom_properties(DARK),
        milliseconds=wording.milliseconds_between,
    )
    return environment


def _fit(value: Any) -> Any:
    # markup is of our own making; a str may be anybody's
    return wording.printable(value) if type(value) is str else value
