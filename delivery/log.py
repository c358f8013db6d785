"""The log of processes that run in the cluster: a JSON object a line, on standard error."""

from __future__ import annotations

import sys

import structlog


def log_as_json() -> None:
    """Whatever this process logs from now on."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
