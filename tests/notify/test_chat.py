"""apprise: several addresses, one that fails, and no word of a secret."""

from __future__ import annotations

import json
import logging
import logging.config
from collections.abc import Iterator
from pathlib import Path

import pytest

from delivery.errors import InvalidSpec
from delivery.notify.chat import Chat
from delivery.notify.sending import NotDelivered
from tests.notify.given import message
from tests.notify.receiver import Receiver, receiving

SECRET = "t0ps3cret"


@pytest.fixture
def receivers() -> Iterator[tuple[Receiver, Receiver]]:
    with receiving() as one, receiving() as other:
        yield one, other


def addresses(path: Path, *urls: str) -> Path:
    path.write_text("# of the team\n\n" + "\n".join(urls) + "\n")
    return path


def url(receiver: Receiver) -> str:
    return f"json://{SECRET}@127.0.0.1:{receiver.port}/"


def test_a_message_arrives_with_its_title_and_kind(receivers: tuple[Receiver, Receiver]) -> None:
    told = message()
    Chat(url=url(receivers[0])).send(told)
    [request] = receivers[0].requests
    found = json.loads(request.body)
    assert (found["title"], found["message"], found["type"]) == (told.title, told.body, "success")


def test_only_the_address_that_failed_gets_it_again(receivers: tuple[Receiver, Receiver], tmp_path: Path) -> None:
    sound, broken = receivers
    chat = Chat(addresses(tmp_path / "urls", url(sound), url(broken)))
    broken.status = 500
    with pytest.raises(NotDelivered, match=r"1 of 2 did not take it \(JSON\)") as told:
        chat.send(message())
    assert SECRET not in str(told.value)
    broken.status = 200
    chat.send(message())
    assert (len(sound.requests), len(broken.requests)) == (1, 2)
    chat.send(message(name="web-other"))
    assert (len(sound.requests), len(broken.requests)) == (2, 3)


def test_addresses_are_read_anew(receivers: tuple[Receiver, Receiver], tmp_path: Path) -> None:
    chat = Chat(addresses(tmp_path / "urls", url(receivers[0])))
    chat.check()
    addresses(tmp_path / "urls", url(receivers[1]))
    chat.send(message())
    assert [len(each.requests) for each in receivers] == [0, 1]


@pytest.mark.parametrize("written", ["slack://" + SECRET, f"nothing://{SECRET}", SECRET])
def test_an_address_that_cannot_be_used_is_named_by_its_line_and_not_shown(
    tmp_path: Path, written: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    chat = Chat(addresses(tmp_path / "urls", "json://127.0.0.1/", written))
    caplog.set_level(logging.DEBUG)
    with pytest.raises(InvalidSpec, match="urls, line 4: no address that apprise can use") as told:
        chat.check()
    with pytest.raises(NotDelivered):
        chat.send(message())
    said = capfd.readouterr()
    assert SECRET not in str(told.value) + caplog.text + said.out + said.err


def test_a_delivery_that_fails_logs_no_secret(
    receivers: tuple[Receiver, Receiver], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    receivers[0].status = 500
    caplog.set_level(logging.INFO)
    with pytest.raises(NotDelivered):
        Chat(url=url(receivers[0])).send(message())
    said = capfd.readouterr()
    assert SECRET not in caplog.text + said.out + said.err


@pytest.mark.parametrize(("written", "problem"), [(b"", "is empty"), (b"\xff\xfe", "is no text"), (None, "cannot be")])
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, written: bytes | None, problem: str) -> None:
    path = tmp_path / "urls"
    if written is not None:
        path.write_bytes(written)
    with pytest.raises(InvalidSpec, match=f"{path} {problem}"):
        Chat(path).check()


def test_a_later_configuration_of_logging_brings_no_address_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})  # as a web server's start does
    with pytest.raises(InvalidSpec):
        Chat(addresses(tmp_path / "urls", f"{SECRET}://nowhere")).check()
    assert SECRET not in caplog.text
