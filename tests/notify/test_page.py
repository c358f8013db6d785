"""The page on notifications: its file is one that is taken, and its lines of Python verify what is sent."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from standardwebhooks.webhooks import WebhookVerificationError

from delivery.clock import WallClock
from delivery.notify.configuration import read_notifications
from delivery.notify.news import NewsKind
from delivery.notify.webhook import FINAL, Webhook
from delivery.resources.policy import parse_policy
from tests.notify.given import STORY, lines, message
from tests.notify.receiver import receiving

PAGE = (Path(__file__).parents[2] / "docs" / "notifications.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_example_is_a_file_of_channels_and_the_policy_is_one(tmp_path: Path) -> None:
    file, policy = blocks("yaml")
    (tmp_path / "file.yaml").write_text(file)
    assert [channel.name for channel in read_notifications(tmp_path / "file.yaml").channels] == ["chat", "pipeline"]
    assert parse_policy(yaml.safe_load(policy), "").notifications.channels == ("chat",)


def test_the_receiver_of_the_page_verifies_what_is_sent(tmp_path: Path) -> None:
    secret = "whsec_" + base64.b64encode(b"k" * 32).decode()
    (tmp_path / "secret").write_text(secret)
    told = message(lines(*STORY[:3]))
    with receiving() as receiver:
        Webhook(receiver.url, tmp_path / "secret", WallClock()).send(told)
    [request] = receiver.requests
    page: dict[str, Any] = {}
    exec(blocks("python")[0], page)  # noqa: S102
    found = page["received"](secret, request.headers, request.body)
    assert (found["id"], found["kind"]) == (told.id, "paused")
    with pytest.raises(WebhookVerificationError):
        page["received"](secret, request.headers, request.body + b" ")
    documented = re.search(r"\| `data` \| (.*) \|", PAGE)
    assert documented is not None
    assert {*re.findall(r"`(\w+)`", documented[1]), "id", "kind"} == set(found)


def test_the_kinds_and_the_final_answers_are_those_there_are() -> None:
    kinds = re.search(r"The kinds of event are (.*?)\. ", PAGE, re.DOTALL)
    assert kinds is not None
    assert re.findall(r"`(\w+)`", kinds[1]) == [kind.value for kind in NewsKind]
    final = re.search(r"An answer of (.*?) is final", PAGE, re.DOTALL)
    assert final is not None
    assert {int(status) for status in re.findall(r"\d+", final[1])} == FINAL
