"""What watchers and requests of the API cost: how soon they are answered, and what they do to the releases' own pace.

python -m benchmarks.api [--releases 1000] [--interval 10] [--watchers 200] [--per-second 100] [--rounds 4]
  [--changes 15]
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from benchmarks.api_load import Load, Plan
from benchmarks.api_report import Round, Setup, Usage, page
from benchmarks.fleet import Fleet, fleet_names, in_progress, names_at_rest
from benchmarks.idle import Setting, processor_s, react
from benchmarks.idle_cluster import wait_until
from delivery.lab.process import Process, ProcessFailed, free_port
from delivery.lab.readiness import token_of

ROOT = Path(__file__).parents[1]
OUTPUT = ROOT / "docs" / "benchmarks" / "api.md"
WARMING_UP, QUIET_S, CONNECTED_WITHIN_S = 3, 2.0, 90.0
APART_S = 2.7
"""Between two template changes; no divisor of the interval, so that they meet every part of it."""
APART = 41
"""Releases from where one spell's load begins to where the next one's does."""


class Loading:
    """A load that runs; `load` is what came of it, once it has ended."""

    def __init__(self) -> None:
        self.load: Load | None = None


@contextmanager
def loading(folder: Path, plan: Plan) -> Iterator[Loading]:
    """Every watcher connected and requests on their way while the context lasts."""
    files = [Path(tempfile.mkdtemp(dir=folder)) / name for name in ("plan", "ready", "result")]
    files[0].write_bytes(msgspec.json.encode(plan))
    command = [sys.executable, "-m", "benchmarks.api_load", *map(str, files)]
    process = Process("load", command, folder / "load.log", cwd=ROOT)
    running = Loading()
    try:
        process.wait_until(files[1].exists, CONNECTED_WITHIN_S)
        yield running
        process.signal(signal.SIGTERM)
        wait_until(lambda: not process.running, "the load at its end", CONNECTED_WITHIN_S)
        if process.exit_code:
            raise ProcessFailed(f"the load ended with code {process.exit_code}: {process.log_tail()}")
        running.load = msgspec.json.decode(files[2].read_bytes(), type=Load)
    finally:
        process.stop()


def spell(fleet: Fleet, chosen: list[tuple[str, str]], folder: Path, plan: Plan | None) -> Round:
    """The templates of `chosen` are changed one after another, under the load of `plan` if there is one."""
    time.sleep(QUIET_S)
    setting = Setting(fleet.cluster, chosen, fleet.sightings, fleet.calls, fleet.controller)
    with loading(folder, plan) if plan else nullcontext(Loading()) as load:
        before, stolen, began = usages(), stolen_s(), time.monotonic()
        series = react(setting, chosen, "with" if plan else "without", at_once=False, apart_s=APART_S)
        after, seconds = usages(), time.monotonic() - began
        stolen = stolen_s() - stolen
    used = {name: after[name] - before[name] for name in before.keys() & after.keys()}
    return Round(series, seconds, used, stolen, load.load)


def usages() -> dict[str, Usage]:
    """Those so far of this program and of each that it or one of those has started, by what they are."""
    return {"this program": usage(os.getpid()), **{title(pid): usage(pid) for pid in started(os.getpid())}}


def usage(pid: int) -> Usage:
    """So far; of the threads that there are now, as far as waiting goes."""
    threads = list(Path(f"/proc/{pid}/task").iterdir())
    return Usage(processor_s(pid), sum(_waited_s(thread / "schedstat") for thread in threads))


def _waited_s(file: Path) -> float:
    try:
        return int(file.read_text().split()[1]) / 1e9
    except OSError:  # the thread has ended meanwhile
        return 0.0


def stolen_s() -> float:
    """What the machine's cores together were kept waiting so far, by whatever else runs on its host."""
    return int(Path("/proc/stat").read_text().split()[8]) / os.sysconf("SC_CLK_TCK")


def started(pid: int) -> list[int]:
    """The processes that it has started, and theirs."""
    files = Path(f"/proc/{pid}/task").glob("*/children")
    own = [int(child) for file in files for child in file.read_text().split()]
    return [*own, *(child for each in own for child in started(each))]


def title(pid: int) -> str:
    """The module that a Python runs, or the program's name."""
    words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    return words[words.index("-m") + 1] if "-m" in words else Path(words[0]).name


def turned(plan: Plan, by: int) -> Plan:
    """Begins with other releases, so that those that were paused before are left alone."""
    first = by % len(plan.releases)
    return msgspec.structs.replace(plan, releases=[*plan.releases[first:], *plan.releases[:first]])


def spells(fleet: Fleet, setup: Setup, plan: Plan, rounds: int, folder: Path) -> list[Round]:
    """By turns without and with the load, each with Deployments of its own."""
    at_rest = names_at_rest(WARMING_UP + 2 * rounds * setup.changes)
    spell(fleet, at_rest[:WARMING_UP], folder, turned(plan, -APART))  # what is slow the first time is not meant
    typer.echo("warmed up")
    done = []
    for number in range(2 * rounds):
        first = WARMING_UP + number * setup.changes
        loaded = number % 2 == 1
        chosen = at_rest[first : first + setup.changes]
        done.append(spell(fleet, chosen, folder, turned(plan, number * APART) if loaded else None))
        typer.echo(f"spell {number + 1} of {2 * rounds}, {'with' if loaded else 'without'} load")
    return done


def main(
    releases: Annotated[int, typer.Option(min=1, help="releases in progress")] = 1000,
    interval: Annotated[float, typer.Option(min=1, help="between looks at a release, in seconds")] = 10.0,
    watchers: Annotated[int, typer.Option(min=2, help="of server-sent events")] = 200,
    per_second: Annotated[float, typer.Option(min=1, help="requests a second")] = 100.0,
    rounds: Annotated[int, typer.Option(min=1, help="spells without load, and as many with it")] = 4,
    changes: Annotated[int, typer.Option(min=1, help="template changes in a spell")] = 15,
    output: Annotated[Path, typer.Option(help="the report")] = OUTPUT,
) -> None:
    """Write the report."""
    api, health = (f"127.0.0.1:{free_port()}" for _ in range(2))
    setup = Setup(releases, interval, watchers, per_second, changes, APART_S)
    with (
        tempfile.TemporaryDirectory() as name,
        in_progress(
            Path(name),
            releases,
            interval,
            at_rest=WARMING_UP + 2 * rounds * changes,
            flags=["--listen", api, "--health-listen", health],
            counting=False,
        ) as fleet,
    ):
        plan = Plan(
            url=f"http://{api}",
            health_url=f"http://{health}",
            token=token_of(fleet.kubeconfig),
            releases=fleet_names(releases),
            watchers=watchers,
            per_second=per_second,
        )
        done = spells(fleet, setup, plan, rounds, Path(name))
    load = f"--watchers {watchers} --per-second {per_second:g} --rounds {rounds} --changes {changes}"
    text = page(f"python -m benchmarks.api --releases {releases} --interval {interval:g} {load}", setup, done)
    output.write_text(text)
    typer.echo(text)


if __name__ == "__main__":
    typer.run(main)
