"""Protobuf bodies, put together here byte by byte, read back as documents."""

import pytest

from delivery.lab.apiserver.protobuf import MEDIA_TYPE, decoded
from delivery.lab.apiserver.status import ApiError
from tests.lab.apiserver.conftest import DEPLOYMENTS, Direct


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def part(field: int, content: bytes | str) -> bytes:
    raw = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(raw)) + raw


def pair(field: int, key: str, value: bytes | str) -> bytes:
    return part(field, part(1, key) + part(2, value))


def body(version: str, kind: str, raw: bytes) -> bytes:
    return b"k8s\x00" + part(1, part(1, version) + part(2, kind)) + part(2, raw)


def test_a_secret_keeps_its_bytes() -> None:
    raw = part(1, part(1, "s") + part(2, "")) + pair(2, "key", b"\x00\xff") + part(3, "Opaque")
    assert decoded(body("v1", "Secret", raw)) == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s"},
        "data": {"key": "AP8="},
        "type": "Opaque",
    }


def test_a_deployment_is_created_from_protobuf(direct: Direct) -> None:
    labels = pair(11, "app", "web")
    container = part(1, "app") + part(2, "registry.example/app:1")
    template = part(1, labels) + part(2, part(2, container))
    surge = part(2, number(1, 1) + part(3, "50%")) + part(1, number(1, 0) + number(2, 1))
    strategy = part(1, "RollingUpdate") + part(2, surge)
    spec = number(1, 3) + part(2, pair(1, "app", "web")) + part(3, template) + part(4, strategy)
    raw = part(1, part(1, "web") + labels) + part(2, spec)
    made = direct("POST", DEPLOYMENTS, body("apps/v1", "Deployment", raw), MEDIA_TYPE).ok()
    assert made["spec"]["replicas"] == 3
    assert made["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": "50%", "maxUnavailable": 1}
    assert made["spec"]["template"]["spec"]["containers"][0]["image"] == "registry.example/app:1"


@pytest.mark.parametrize(
    ("content", "code", "named"),
    [
        (b"{}", 400, "protobuf form"),
        (body("v1", "Namespace", part(1, "x")[:-1]), 400, "cannot be read"),
        (body("batch/v1", "Job", b""), 415, "protobuf Job"),
        (body("v1", "Namespace", number(77, 1)), 415, "field 77 of a protobuf Namespace"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(content: bytes, code: int, named: str) -> None:
    with pytest.raises(ApiError, match=named) as refused:
        decoded(content)
    assert refused.value.code == code
