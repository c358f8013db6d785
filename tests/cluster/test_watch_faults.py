"""Watches that survive everything: after any faults the informer holds and has told what the server has.

`HEADGATE_WATCH_SUBJECT=official` runs the same on the official client's SharedInformer: docs/watching.md says how it
fared.
"""

from __future__ import annotations

import functools
import random
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from delivery.cluster import informer as own
from tests.cluster.faulty_server import GARBAGE, Fault, FaultyServer, faulty_server
from tests.cluster.watch_subjects import CHOSEN, Subject, subject
from tests.conditions import eventually

BOUND_S = 10.0 if CHOSEN == "own" else 30.0  # the official one waits 5 s after a list that failed
GONE = (Fault("gone"), Fault("gone"))  # it asks once more before it believes it
PROMPT_S = 3.0
SEEDS = range(120)
NAMES = ("web", "cart", "pay", "mail")
LIST_FAULTS = [
    *(Fault("status", status=status) for status in (410, 429, 500, 503)),
    *(Fault("status", status=429, retry_after=said) for said in ("0", "soon", "-1", "nan", "inf")),
    *(Fault(kind) for kind in ("torn", "silent", "dropped", "empty answer", "html")),
]
WATCH_FAULTS = [
    *(Fault("status", status=status) for status in (410, 429, 500, 503)),
    *(Fault("status", status=429, retry_after=said) for said in ("0", "soon", "-1", "nan", "inf")),
    *(Fault("error", status=status, after=after) for status in (429, 500) for after in (0, 1)),
    *(
        Fault(kind, after=after)
        for kind in ("gone", "ends", "torn", "dropped", "silent", "bookmarks", "no version")
        for after in (0, 1, 3)
    ),
    *(Fault("garbage", after=1, line=line) for line in GARBAGE),
    Fault("silent before headers"),
    *(Fault("repeats", back=back) for back in (1, 3, 50)),
]


def said(fault: Fault) -> str:
    parts = (fault.kind, fault.after, fault.back, fault.status, fault.retry_after, fault.line[:12])
    return "-".join(str(part) for part in parts if part)


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with faulty_server() as running:
        for name in NAMES[:3]:
            running.put(name)
        yield running


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Back-off that does as in production, but sooner."""
    monkeypatch.setattr(own, "FIRST_BACK_OFF_S", 0.005)
    monkeypatch.setattr(own, "LAST_BACK_OFF_S", 0.04)
    monkeypatch.setattr(own, "LONGEST_RETRY_AFTER_S", 0.05)


@pytest.fixture
def started(server: FaultyServer) -> Iterator[Callable[[], Subject]]:
    """Starts a subject of the server, which is stopped in the end."""
    running: list[Subject] = []

    def start() -> Subject:
        running.append(subject(server.url))
        running[-1].start()
        return running[-1]

    yield start
    for each in running:
        each.stop()


def settled(server: FaultyServer, watcher: Subject) -> bool:
    truth = server.versions()
    return watcher.versions() == truth == watcher.told.left()


def asked_more_than(server: FaultyServer, times: int) -> bool:
    return len(server.asked) > times


def it_settles(server: FaultyServer, watcher: Subject) -> None:
    server.heal()
    server.put("last")
    eventually(lambda: settled(server, watcher), BOUND_S)
    assert watcher.told.backwards == []


def something_happens(server: FaultyServer) -> None:
    server.put("web")
    server.delete("cart")
    server.put("mail")
    server.put("web")


@pytest.mark.usefixtures("quick")
class TestOneFault:
    """Each fault alone, met by the first list, by a later one, or by a watch."""

    @pytest.mark.parametrize("fault", LIST_FAULTS, ids=said)
    def test_at_the_first_list(self, server: FaultyServer, started: Callable[[], Subject], fault: Fault) -> None:
        server.lists.append(fault)
        watcher = started()
        eventually(lambda: not server.lists, BOUND_S)
        something_happens(server)
        it_settles(server, watcher)

    @pytest.mark.parametrize("fault", [*LIST_FAULTS, *(Fault("stale", back=back) for back in (1, 3, 50))], ids=said)
    def test_at_a_later_list(self, server: FaultyServer, started: Callable[[], Subject], fault: Fault) -> None:
        watcher = started()
        eventually(lambda: settled(server, watcher), BOUND_S)
        server.lists.extend([fault] * (1 if fault.kind == "stale" else 2))  # who takes it asks for no other
        something_happens(server)
        eventually(lambda: settled(server, watcher), BOUND_S)
        server.watches.extend(GONE)
        server.cut()
        eventually(lambda: not server.lists, BOUND_S)
        it_settles(server, watcher)

    @pytest.mark.parametrize("fault", WATCH_FAULTS, ids=said)
    def test_of_a_watch(self, server: FaultyServer, started: Callable[[], Subject], fault: Fault) -> None:
        watcher = started()
        eventually(lambda: settled(server, watcher), BOUND_S)
        something_happens(server)  # so that what is repeated is older than what is held
        eventually(lambda: settled(server, watcher), BOUND_S)
        server.watches.extend([fault] * (1 if fault.kind == "repeats" else 2))  # those go on when they are done
        server.cut()
        something_happens(server)
        eventually(lambda: not server.watches, BOUND_S)
        it_settles(server, watcher)

    @pytest.mark.parametrize("forgets", [False, True])
    def test_what_was_deleted_in_an_outage_is_gone(
        self, server: FaultyServer, started: Callable[[], Subject], forgets: bool
    ) -> None:
        watcher = started()
        eventually(lambda: settled(server, watcher), BOUND_S)
        server.always = Fault("status", status=503)
        server.cut()
        before = len(server.asked)
        eventually(lambda: len(server.asked) > before, BOUND_S)
        server.delete("web")
        server.delete("pay")
        server.put("pay")  # another object of the same name
        if forgets:
            server.compact()
        it_settles(server, watcher)
        assert "web" not in watcher.versions()

    def test_an_outage_of_everything_loses_nothing_that_is_held(
        self, server: FaultyServer, started: Callable[[], Subject]
    ) -> None:
        watcher = started()
        eventually(lambda: settled(server, watcher), BOUND_S)
        held = watcher.versions()
        for fault in (Fault("status", status=500), Fault("empty answer"), Fault("html")):
            server.always = fault
            server.watches.extend(GONE)
            server.cut()
            before = len(server.asked)
            eventually(functools.partial(asked_more_than, server, before + 3), BOUND_S)
            assert watcher.versions() == held
        it_settles(server, watcher)


class TestPace:
    """With the waits of production."""

    @pytest.mark.parametrize(
        "fault",
        [
            Fault("status", status=503),
            Fault("status", status=410),
            *(Fault(kind) for kind in ("gone", "error", "ends", "torn", "dropped", "bookmarks", "garbage")),
        ],
        ids=said,
    )
    def test_an_outage_is_no_busy_loop(
        self, server: FaultyServer, started: Callable[[], Subject], fault: Fault
    ) -> None:
        watcher = started()
        eventually(lambda: settled(server, watcher), BOUND_S)
        server.always = fault
        server.cut()
        before, until = len(server.asked), time.monotonic() + 1.5
        eventually(lambda: time.monotonic() > until or len(server.asked) - before > 30)
        assert len(server.asked) - before <= 30

    @pytest.mark.parametrize("where", ["list", "watch"])
    def test_retry_after_is_respected(self, server: FaultyServer, where: str) -> None:
        watcher = subject(server.url, quick=False)
        (server.lists if where == "list" else server.watches).append(Fault("status", status=429, retry_after="1"))
        watcher.start()
        index = 0 if where == "list" else 1
        try:
            eventually(lambda: len(server.asked) > index + 1, BOUND_S)
            refused, again = server.asked[index : index + 2]
            assert again.at - refused.at >= 1.0
            eventually(lambda: settled(server, watcher), BOUND_S)
        finally:
            watcher.stop()


class TestStop:
    """It returns soon, whatever the thread waits for; and what comes later is not told."""

    STATES: tuple[tuple[str, Fault | None], ...] = (
        ("list", Fault("silent")),
        ("list", Fault("status", status=503)),
        ("list", Fault("status", status=429, retry_after="30")),
        ("watch", None),
        ("watch", Fault("silent")),
        ("watch", Fault("silent", after=1)),
        ("watch", Fault("silent before headers")),
        ("watch", Fault("status", status=503)),
        ("watch", Fault("status", status=429, retry_after="30")),
    )

    @pytest.mark.parametrize(
        ("where", "fault"),
        STATES,
        ids=lambda part: said(part) if isinstance(part, Fault) else str(part),
    )
    def test_in_every_state(self, server: FaultyServer, where: str, fault: Fault | None) -> None:
        watcher = subject(server.url, silence_s=20.0, quick=False)
        if fault:
            (server.lists if where == "list" else server.watches).extend([fault] * 50)
        watcher.start()
        eventually(lambda: any(asked.watch == (where == "watch") for asked in server.asked), BOUND_S)
        stopping = threading.Thread(target=watcher.stop, daemon=True)
        stopping.start()
        stopping.join(PROMPT_S)
        assert not stopping.is_alive()
        told = watcher.told.calls
        server.heal()
        server.put("later")
        with server.changed:
            server.closing = True  # ends what was silent: whoever is still there would hear of it
            server.changed.notify_all()
        eventually(lambda: watcher.ended, BOUND_S)
        assert watcher.told.calls == told


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_schedule_of_faults_is_survived(seed: int) -> None:
    source = random.Random(seed)
    with faulty_server() as server:
        watcher = subject(server.url, silence_s=0.1)
        watcher.start()
        try:
            for _ in range(source.randint(5, 25)):
                _one_step(server, source)
                time.sleep(source.choice((0.0, 0.0, 0.002, 0.01)))  # lets the informer be anywhere
            it_settles(server, watcher)
        finally:
            watcher.stop()


def _one_step(server: FaultyServer, source: random.Random) -> None:
    drawn = source.random()
    if drawn < 0.5:
        (server.put if source.random() < 0.7 else server.delete)(source.choice(NAMES))
    elif drawn < 0.75:
        server.watches.append(source.choice(WATCH_FAULTS))
    elif drawn < 0.85:
        server.lists.append(source.choice([*LIST_FAULTS, Fault("stale", back=source.randint(1, 20))]))
    elif drawn < 0.95:
        server.cut()
    else:
        server.compact()
