"""How Prometheus is reached, from a file: who asks, whom to trust, through what."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
import yaml
from pydantic import Field, ValidationError

from delivery.errors import InvalidSpec
from delivery.resources.duration import Duration
from delivery.resources.refusals import sentences
from delivery.resources.spec import Spec
from delivery.telemetry.access import MAX_BYTES, MAX_SERIES, TIMEOUT_S, Access

AccessFile = Annotated[
    Path | None,
    typer.Option(
        "--prometheus-access",
        help="YAML: bearerTokenFile, basicAuth, tls, headers, proxy, timeout, maxBytes, maxSeries",
    ),
]


class BasicAuth(Spec):
    username: str = Field(min_length=1)
    password_file: Path


class Tls(Spec):
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


class AccessSpec(Spec):
    """The file. Every field may be left out."""

    bearer_token_file: Path | None = None
    basic_auth: BasicAuth | None = None
    tls: Tls = Tls()
    headers: dict[str, str] = Field(default_factory=dict)
    proxy: str = ""
    timeout: Duration = Field(default=TIMEOUT_S, gt=0)
    max_bytes: int = Field(default=MAX_BYTES, ge=1000)
    max_series: int = Field(default=MAX_SERIES, ge=100)


def access_of(url: str, path: Path | None) -> Access:
    """The access to the API at `url` that the file describes. Raises InvalidSpec naming the file and the field."""
    if path is None:
        return Access(url)
    spec = _read(path)
    basic = spec.basic_auth
    return Access(
        url,
        bearer_token_file=spec.bearer_token_file,
        username=basic.username if basic else "",
        password_file=basic.password_file if basic else None,
        ca_file=spec.tls.ca_file,
        cert_file=spec.tls.cert_file,
        key_file=spec.tls.key_file,
        headers=spec.headers,
        proxy=spec.proxy,
        timeout_s=spec.timeout,
        max_bytes=spec.max_bytes,
        max_series=spec.max_series,
    )


def _read(path: Path) -> AccessSpec:
    try:
        return AccessSpec.model_validate(yaml.safe_load(path.read_text()) or {}, by_alias=True, by_name=False)
    except OSError as problem:
        raise InvalidSpec(f"--prometheus-access {path} cannot be read: {problem.strerror}") from problem
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        raise InvalidSpec(f"--prometheus-access {path} is no YAML: {str(problem).splitlines()[0]}") from problem
    except ValidationError as problem:  # what was there may be a secret
        raise InvalidSpec(f"--prometheus-access {path}: {'; '.join(sentences(problem, confidential=True))}") from None
