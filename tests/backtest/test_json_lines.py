"""What recorded lines come to, and what is told of lines that cannot be."""

import gzip
import io
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from delivery.backtest.json_lines import read_recordings
from delivery.backtest.recording import InvalidRecording, Recording
from tests.backtest.recorded import write_lines

Line = Mapping[str, object]
STABLE: Line = {"t": 10, "arm": "stable", "requests": 50, "errors": 2}
CANARY: Line = {"t": 10, "arm": "canary", "requests": 5, "errors": 1}
BUCKETS: Line = {"buckets": {"5": 1, "10": 3, "+Inf": 5}}


def _content(*lines: Line | str) -> bytes:
    return b"".join((line if isinstance(line, str) else json.dumps(line)).encode() + b"\n" for line in lines)


def _read(path: Path, *lines: Line | str) -> list[Recording]:
    file = path / "recorded"
    file.write_bytes(_content(*lines))
    return read_recordings(str(file))


def _only(path: Path, *lines: Line | str) -> Recording:
    (recording,) = _read(path, *lines)
    return recording


def test_a_tick_is_its_lines_of_equal_time_summed_over_instances(tmp_path: Path) -> None:
    recording = _only(
        tmp_path,
        {**STABLE, "instance": "a"},
        {**CANARY, "weight": 25},
        {**STABLE, "instance": "b", "requests": 7, "errors": 0},
        {**CANARY, "t": 20},
        {**STABLE, "t": 30},
    )
    assert recording.t.tolist() == [10, 20, 30]
    assert recording.stable_requests.tolist() == [57, 0, 50]
    assert recording.stable_errors.tolist() == [2, 0, 2]
    assert recording.canary_requests.tolist() == [5, 5, 0]
    assert recording.canary_errors.tolist() == [1, 1, 0]
    np.testing.assert_array_equal(recording.share, [0.25, np.nan, np.nan])
    assert (recording.start, recording.interval, recording.history) == (0, 10, None)


def test_stable_lines_before_the_first_canary_line_are_history_by_instance(tmp_path: Path) -> None:
    recording = _only(
        tmp_path,
        {**STABLE, "t": 3, "instance": "b"},
        {**STABLE, "t": 5, "instance": "a", "requests": 8, "errors": 0, "buckets": {"5": 4, "+Inf": 8}},
        {**STABLE, "t": 5, "instance": "b", "buckets": {"5": 1, "+Inf": 9}},
        {**STABLE, "t": 10, "buckets": {"5": 2, "+Inf": 9}},
        {**CANARY, "buckets": {"5": 2, "+Inf": 3}},
    )
    history = recording.history
    assert history is not None
    assert history.t.tolist() == [3, 5]
    assert history.requests.tolist() == [[50, 0], [50, 8]]  # a column an instance, in the order they came
    assert history.errors.tolist() == [[2, 0], [2, 0]]
    assert history.stable_buckets.tolist() == [[0, 0], [5, 17]]
    assert (recording.t.tolist(), recording.start) == ([10], 5)


def test_releases_are_told_apart_in_the_order_of_their_first_lines(tmp_path: Path) -> None:
    named = {**CANARY, "release": "z"}
    found = _read(tmp_path, {**STABLE, "release": "z"}, {**STABLE, "release": "a", "t": 7}, {**STABLE, "t": 1}, named)
    assert [(r.release, r.t.tolist(), r.canary_requests.sum()) for r in found] == [
        ("z", [10], 5),
        ("a", [7], 0),
        ("", [1], 0),
    ]


def test_bounds_that_change_are_coarsened_to_those_both_arms_always_had(tmp_path: Path) -> None:
    recording = _only(
        tmp_path,
        {**STABLE, **BUCKETS},
        {**CANARY, **BUCKETS},
        {**STABLE, "t": 20, "buckets": {"Inf": 6, "10": 4, "7.5": 2}},
        {**CANARY, "t": 20, **BUCKETS},
    )
    assert recording.bounds == (10.0, np.inf)
    assert recording.arm_bounds == ((10.0, np.inf), (5.0, 10.0, np.inf))
    assert recording.stable_buckets.tolist() == [[3, 5], [4, 6]]
    assert recording.canary_buckets.tolist() == [[3, 5], [3, 5]]


def test_buckets_of_one_arm_alone_are_told_but_have_no_bound_in_common(tmp_path: Path) -> None:
    recording = _only(tmp_path, {**STABLE, **BUCKETS}, CANARY)
    assert (recording.bounds, recording.arm_bounds) == ((), ((5.0, 10.0, np.inf), ()))
    assert recording.stable_buckets.shape == recording.canary_buckets.shape == (1, 0)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("hello", "line 2: is no JSON"),
        ("[1]", "line 2: .*object"),
        *(({k: v for k, v in CANARY.items() if k != field}, f"line 2: .*`{field}`") for field in CANARY),
        ({**CANARY, "arm": "baseline"}, "line 2: .*'baseline'.*arm"),
        ({**CANARY, "erors": 1}, "line 2: .*`erors`"),
        ({**CANARY, "requests": -1, "errors": -2}, "line 2: requests must not be negative"),
        ({**CANARY, "errors": -1}, "line 2: errors must not be negative"),
        ({**CANARY, "errors": 6}, "line 2: errors exceed"),
        ({**CANARY, "requests": float("nan")}, "line 2: "),
        ({**CANARY, "requests": float("inf")}, "line 2: "),
        ('{"t": 1e999, "arm": "canary", "requests": 1, "errors": 0}', r"line 2: .*\.t"),
        ({**CANARY, "requests": True}, "line 2: .*requests"),
        ({**CANARY, "requests": "5"}, "line 2: .*requests"),
        ({**CANARY, "requests": None}, "line 2: .*requests"),
        ({**CANARY, "weight": 100.5}, "line 2: weight"),
        ({**CANARY, "weight": -1}, "line 2: weight"),
        ({**CANARY, "instance": 5}, "line 2: .*instance"),
        ({**STABLE, "t": 9}, "line 2: t is earlier"),
        (STABLE, "line 2: t repeats"),
        ({**CANARY, "buckets": {"5": 3, "10": 2}}, "line 2: buckets .*fall"),
        ({**CANARY, "buckets": {"5": -1, "10": 2}}, "line 2: buckets must not be negative"),
        ({**CANARY, "buckets": {"5": 3, "10": 6}}, "line 2: buckets count more than the requests"),
        ({**CANARY, "buckets": {"fast": 3}}, "line 2: buckets needs"),
        ({**CANARY, "buckets": {"nan": 3}}, "line 2: buckets needs"),
        ({**CANARY, "buckets": {"-5": 3}}, "line 2: buckets needs"),
        ({**CANARY, "buckets": {"5": 3, "5.0": 3}}, "line 2: buckets needs"),
        ({**CANARY, "buckets": {"5": True}}, "line 2: .*buckets"),
    ],
)
def test_a_line_that_cannot_be_is_named_with_its_field(tmp_path: Path, wrong: Line | str, told: str) -> None:
    with pytest.raises(InvalidRecording, match=told):
        _read(tmp_path, STABLE, wrong, {**CANARY, "t": 20})


def test_empty_lines_are_allowed_and_counted(tmp_path: Path) -> None:
    assert _only(tmp_path, "", STABLE, " ", CANARY, "").canary_requests.tolist() == [5]
    with pytest.raises(InvalidRecording, match="line 4: "):
        _read(tmp_path, "", STABLE, "\t", "oops")


def test_two_objects_on_one_line_are_not_two_lines(tmp_path: Path) -> None:
    with pytest.raises(InvalidRecording, match="line 1: "):
        _read(tmp_path, f"{json.dumps(STABLE)},{json.dumps(CANARY)}")


@pytest.mark.parametrize(
    "content", [b"", b"\n  \n", gzip.compress(b"")], ids=["nothing", "blank lines", "packed nothing"]
)
def test_a_file_without_lines_says_so(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "recorded"
    file.write_bytes(content)
    with pytest.raises(InvalidRecording, match="no lines"):
        read_recordings(str(file))


def test_gzip_is_seen_by_its_first_bytes_and_one_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "recorded.json"
    packed = gzip.compress(_content(STABLE, CANARY))
    file.write_bytes(packed)
    (recording,) = read_recordings(str(file))
    assert recording.canary_requests.tolist() == [5]
    file.write_bytes(packed[:-9])
    with pytest.raises(InvalidRecording, match=str(file)):
        read_recordings(str(file))
    with pytest.raises(InvalidRecording, match="nowhere"):
        read_recordings(str(tmp_path / "nowhere"))


@pytest.mark.parametrize("packed", [False, True])
def test_standard_input_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool) -> None:
    content = _content(STABLE, CANARY)
    (tmp_path / "recorded").write_bytes(gzip.compress(content) if packed else content)
    with (tmp_path / "recorded").open("rb") as stream:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(stream))
        (recording,) = read_recordings("-")
    assert recording.stable_requests.tolist() == [50]


@pytest.mark.parametrize("packed", [False, True])
def test_progress_rises_to_the_size_of_the_file(tmp_path: Path, packed: bool) -> None:
    file = write_lines(tmp_path / "recorded", releases=3, ticks=20, buckets=True, packed=packed)
    told: list[int] = []
    read_recordings(str(file), told.append)
    assert told == sorted(told)
    assert told[-1] == file.stat().st_size


def test_lines_longer_than_a_piece_of_the_file_stay_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_lines(tmp_path / "recorded", releases=2, ticks=9, buckets=True, instances=2, history=4)
    whole = read_recordings(str(file))
    monkeypatch.setattr("delivery.backtest.lines.PIECE", 37)
    for one, other in zip(whole, read_recordings(str(file)), strict=True):
        np.testing.assert_array_equal(one.stable_buckets, other.stable_buckets)
        np.testing.assert_array_equal(one.canary_requests, other.canary_requests)
        assert one.history is not None
        assert other.history is not None
        np.testing.assert_array_equal(one.history.requests, other.history.requests)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.lists(
        st.tuples(
            st.integers(1, 6), st.sampled_from(["stable", "canary"]), st.sampled_from("ab"), st.sampled_from("pq")
        ),
        min_size=1,
        max_size=40,
        unique=True,
    )
)
def test_every_request_of_every_line_is_in_the_recording_once(
    tmp_path: Path, data: list[tuple[int, str, str, str]]
) -> None:
    lines = [
        {"t": t, "arm": arm, "requests": 2**k, "errors": k % 2, "release": release, "instance": instance}
        for k, (t, arm, release, instance) in enumerate(sorted(data))
    ]
    found = {recording.release: recording for recording in _read(tmp_path, *lines)}
    assert set(found) == {line["release"] for line in lines}
    for release, recording in found.items():
        mine = [line for line in lines if line["release"] == release]
        first = min((int(str(line["t"])) for line in mine if line["arm"] == "canary"), default=0)
        for place, t in enumerate(recording.t.tolist()):
            for arm, counts in (("stable", recording.stable_requests), ("canary", recording.canary_requests)):
                assert counts[place] == sum(
                    int(str(line["requests"])) for line in mine if (line["t"], line["arm"]) == (t, arm)
                )
        before = [line for line in mine if int(str(line["t"])) < first]
        assert (recording.history is None) == (not before)
        if recording.history is not None:
            assert recording.history.requests.sum() == sum(int(str(line["requests"])) for line in before)
            assert recording.history.errors.sum() == sum(int(str(line["errors"])) for line in before)
