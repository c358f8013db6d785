"""Columns of a file, as it stands there."""

import gzip
from pathlib import Path

import pytest

from delivery.backtest.lines import read_lines

GOOD = '{"t": 10, "arm": "stable", "requests": 90, "errors": 1}'


@pytest.mark.parametrize("packed", [False, True])
def test_columns_hold_what_the_lines_say(tmp_path: Path, packed: bool) -> None:
    text = (
        f"{GOOD}\r\n   \n"
        '{"t": 10, "arm": "canary", "requests": 10, "errors": 2, "weight": 10, "release": "r", "instance": "pod",'
        ' "buckets": {"+Inf": 10, "5": 4, "0.5": 1}}'
    )
    path = tmp_path / "lines"
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    consumed: list[int] = []
    lines = read_lines(str(path), consumed.append)
    assert lines.number.tolist() == [1, 3]
    assert (lines.t.tolist(), lines.arm.tolist(), lines.requests.tolist()) == ([10, 10], [0, 1], [90, 10])
    assert (lines.releases, lines.instances) == (["", "r"], ["", "pod"])
    [buckets] = lines.buckets
    assert buckets.bounds == (0.5, 5.0, float("inf"))
    assert buckets.counts.tolist() == [[1, 4, 10]]
    assert buckets.lines.tolist() == [1]
    assert consumed
    assert consumed[-1] == path.stat().st_size
