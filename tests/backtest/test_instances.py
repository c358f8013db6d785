"""What the names of instances are used for: the shadow, and how much a canary instance serves."""

import json
from pathlib import Path
from typing import Any

import pytest

from delivery.backtest.json_lines import read_recordings
from delivery.backtest.recording import Recording


def line(t: float, arm: str, requests: float, errors: float = 0, **more: Any) -> dict[str, Any]:
    return {"t": t, "arm": arm, "requests": requests, "errors": errors, **more}


def read(folder: Path, *lines: dict[str, Any]) -> list[Recording]:
    path = folder / "lines.jsonl"
    path.write_text("\n".join(json.dumps(one) for one in lines))
    return read_recordings(str(path))


def test_every_second_instance_by_name_is_the_shadow(tmp_path: Path) -> None:
    names = ["d", "a", "c", "b"]
    [recording] = read(
        tmp_path,
        line(10, "canary", 10),
        *(line(10, "stable", 10 + number, number, instance=name) for number, name in enumerate(names)),
    )
    assert recording.shadow_requests.tolist() == [(10 + 3) + (10 + 0)]
    assert recording.shadow_errors.tolist() == [3]


def test_what_a_canary_instance_serves_is_told_against_a_stable_one_before(tmp_path: Path) -> None:
    past = [line(10.0 * k, "stable", 10, instance=name) for k in (1, 2, 3) for name in ("a", "b")]
    named = [line(10.0 * k, "canary", 20, instance="new") for k in (4, 5, 6)]
    unnamed = [line(10.0 * k, "canary", 20) for k in (4, 5, 6)]
    [one], [other] = read(tmp_path, *past, *named), read(tmp_path, *past, *unnamed)
    # 60 requests in 20 s against 30 of each stable instance in 20 s
    assert one.exposure == pytest.approx(2.0)
    assert other.exposure == 1.0
