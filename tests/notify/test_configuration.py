"""The file of channels: what it stands for, and every mistake in one line without a secret."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from pathlib import Path

import pytest

from delivery.clock import WallClock
from delivery.errors import InvalidSpec
from delivery.notify.chat import Chat
from delivery.notify.configuration import read_notifications, senders
from delivery.notify.news import NewsKind
from delivery.notify.subscription import Subscription
from delivery.notify.webhook import Webhook

SECRET = "t0ps3cret"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "notifications.yaml"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text("whsec_" + base64.b64encode(b"k" * 32).decode())
    return path


def test_every_field_arrives(file: Path, secret: Path, tmp_path: Path) -> None:
    urls = tmp_path / "urls"
    urls.write_text("json://127.0.0.1/")
    file.write_text(
        f"""
        link: https://headgate.example
        channels:
        - name: chat
          events: [paused, rolledBack]
          namespaces: [shop]
          apprise: {{urlFile: {urls}}}
        - name: desk
          apprise: {{url: "json://127.0.0.1/"}}
        - name: ci
          webhook: {{url: "https://ci.example/hook", secretFile: {secret}, timeout: 3s}}
        """
    )
    spec, clock = read_notifications(file), WallClock()
    assert spec.link == "https://headgate.example"
    assert senders(spec, file, clock) == [
        (Subscription("chat", frozenset({NewsKind.PAUSED, NewsKind.ROLLED_BACK}), frozenset({"shop"})), Chat(urls)),
        (Subscription("desk"), Chat(url="json://127.0.0.1/")),
        (Subscription("ci"), Webhook("https://ci.example/hook", secret, clock, timeout_s=3.0)),
    ]


def test_an_empty_file_has_no_channels(file: Path) -> None:
    file.write_text("")
    assert read_notifications(file).channels == ()


HOOK = f"webhook: {{url: 'https://x/{SECRET}', secretFile: /s}}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("channel: []", "channel: unknown field; remove it or correct its name"),
        ("- 1", "the whole: not an object"),
        ("a: [", "is no YAML: line 1, column 5"),
        (f"link: {SECRET}", "link: no http or https address; write it like https://headgate.example"),
        ("channels: [{name: Chat}]", "channels[0].name: String should match pattern"),
        ("channels: [{name: x, events: [done]}]", "channels[0].events[0]: Input should be 'started', 'paused'"),
        ("channels: [{name: x}]", "channels[0] (x): give exactly one of apprise and webhook"),
        (
            f"channels: [{{name: x, apprise: {{url: 'a://{SECRET}'}}, {HOOK}}}]",
            "channels[0] (x): give exactly one of apprise and webhook",
        ),
        ("channels: [{name: x, apprise: {}}]", "channels[0] (x).apprise: give exactly one of urlFile and url"),
        (f"channels: [{{name: x, apprise: 'slack://{SECRET}'}}]", "channels[0].apprise: not an object"),
        (f"channels: [{{name: x, {HOOK}}}, {{name: x, {HOOK}}}]", "channels[1] (x): there is another channel of that"),
        (
            f"channels: [{{name: x, webhook: {{url: 'ftp://{SECRET}', secretFile: /s}}}}]",
            "channels[0] (x).webhook.url: no http or https address",
        ),
        (
            f"channels: [{{name: x, webhook: {{url: 'https://x', secret: {SECRET}}}}}]",
            "channels[0].webhook.secretFile: Field required; channels[0].webhook.secret: unknown field",
        ),
        (
            "channels: [{name: x, webhook: {url: 'https://x', secretFile: /s, timeout: 2h}}]",
            "channels[0].webhook.timeout: Input should be less than or equal to 60",
        ),
    ],
)
def test_a_mistake_names_the_file_and_the_field(file: Path, text: str, message: str) -> None:
    file.write_text(text)
    with pytest.raises(InvalidSpec, match=re.escape(f"--notifications {file}") + ".*" + re.escape(message)) as told:
        read_notifications(file)
    assert SECRET not in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("channel", "message"),
    [
        ("webhook: {url: 'https://x', secretFile: /nowhere}", "the secret file /nowhere cannot be read: No such file"),
        ("apprise: {urlFile: /nowhere}", "the file of addresses /nowhere cannot be read: No such file"),
        (f"apprise: {{url: 'slack://{SECRET}'}}", "url: no address that apprise can use (it begins with slack://)"),
    ],
)
def test_what_a_channel_cannot_use_is_told_at_the_start(file: Path, channel: str, message: str) -> None:
    file.write_text(f"channels: [{{name: x, {channel}}}]")
    with pytest.raises(InvalidSpec, match=re.escape(f"--notifications {file}: channels[0] (x): {message}")) as told:
        senders(read_notifications(file), file, WallClock())
    assert SECRET not in str(told.value)


def test_whoever_has_no_chat_does_not_load_one(file: Path, secret: Path) -> None:
    file.write_text(f"channels: [{{name: x, webhook: {{url: 'https://x', secretFile: {secret}}}}}]")
    code = (
        "import sys; from pathlib import Path; from delivery.clock import WallClock\n"
        "from delivery.notify.configuration import read_notifications, senders\n"
        f"path = Path({str(file)!r}); senders(read_notifications(path), path, WallClock())\n"
        "assert 'apprise' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, " cannot be read: No such file or directory"),
        ("channels: [{name: x}]", ": channels[0] (x): give exactly one of apprise and webhook"),
    ],
)
def test_the_command_says_so_in_one_line(file: Path, text: str | None, message: str) -> None:
    # A process of its own, for the command says where the logs of its process go.
    if text is not None:
        file.write_text(text)
    options = ["--prometheus", "http://prometheus.invalid", "--notifications", str(file)]
    command = [sys.executable, "-m", "delivery.cli", "controller", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (1, f"headgate: --notifications {file}{message}\n")
