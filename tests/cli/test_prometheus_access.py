"""The file that says how Prometheus is reached."""

from __future__ import annotations

import re
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from delivery.cli.prometheus_access import access_of
from delivery.errors import InvalidSpec
from delivery.telemetry.access import Access

URL = "http://prometheus.invalid:9090"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "access.yaml"


def test_without_a_file_the_address_is_all() -> None:
    assert access_of(URL, None) == Access(URL)


def test_every_field_arrives(file: Path) -> None:
    file.write_text(
        """
        basicAuth: {username: me, passwordFile: /run/password}
        tls: {caFile: /run/ca.pem, certFile: /run/cert.pem, keyFile: /run/key.pem}
        headers: {X-Scope-OrgID: shop}
        proxy: http://proxy:3128
        timeout: 2s
        maxBytes: 5000000
        """
    )
    assert access_of(URL, file) == Access(
        URL,
        username="me",
        password_file=Path("/run/password"),
        ca_file=Path("/run/ca.pem"),
        cert_file=Path("/run/cert.pem"),
        key_file=Path("/run/key.pem"),
        headers={"X-Scope-OrgID": "shop"},
        proxy="http://proxy:3128",
        timeout_s=2.0,
        max_bytes=5_000_000,
    )
    file.write_text("bearerTokenFile: /run/token")
    assert access_of(URL, file) == Access(URL, bearer_token_file=Path("/run/token"))
    file.write_text("")
    assert access_of(URL, file) == Access(URL)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bearerToken: x", "bearerToken: unknown field; remove it or correct its name"),
        ("timeout: soon", "timeout: "),
        ("headers: {Authorization: [hunter2]}", "headers.Authorization: "),
        ("basicAuth: {username: me}", "basicAuth.passwordFile: "),
        ("a: [", "is no YAML: while parsing"),
        ("- 1", "the whole: not an object"),
    ],
)
def test_a_mistake_names_the_file_and_the_field(file: Path, text: str, message: str) -> None:
    file.write_text(text)
    with pytest.raises(InvalidSpec, match=re.escape(f"--prometheus-access {file}") + ".*" + re.escape(message)):
        access_of(URL, file)


def test_a_mistake_does_not_tell_what_may_be_a_secret(file: Path) -> None:
    file.write_text("{headers: {Authorization: [hunter2]}, proxy: [hunter2], bearerToken: hunter2}")
    with pytest.raises(InvalidSpec) as told:
        access_of(URL, file)
    assert "hunter2" not in "".join(traceback.format_exception(told.value))


def test_the_command_says_so_in_one_line(file: Path) -> None:
    # A process of its own, for the command says where the logs of its process go.
    command = [
        sys.executable,
        "-m",
        "delivery.cli",
        "controller",
        "--prometheus",
        URL,
        "--prometheus-access",
        str(file),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr == f"headgate: --prometheus-access {file} cannot be read: No such file or directory\n"
