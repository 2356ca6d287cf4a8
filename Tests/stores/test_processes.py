"""Several processes over one store, some of which are killed."""

from __future__ import annotations

import random
import subprocess
from typing import Any

from plugin import ABSENT, put

PAIRS = 20  # as in worker.py


def last_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    *_, last = process.stdout.read().splitlines()
    assert process.wait() == 0
    return last


def test_compare_and_set_loses_nothing(shared: Any) -> None:
    store = shared.open()
    store.commit(put(b"n", b"0", ABSENT))
    processes = [shared.start("add", 25) for _ in range(4)]
    assert [last_line(process) for process in processes] == ["25"] * 4
    assert store.get(b"n").value == b"100"


def test_reads_see_whole_commits(shared: Any) -> None:
    store = shared.open()
    store.commit(*[put(b"p%02d" % index, b"0", ABSENT) for index in range(PAIRS)])
    writer = shared.start("fill", 1)
    readers = [shared.start("watch", 100) for _ in range(2)]
    assert [last_line(reader) for reader in readers] == ["0", "0"]
    assert writer.poll() is None


def test_a_killed_process_leaves_whole_commits(shared: Any) -> None:
    """And none is lost that it was told of."""
    store = shared.open()
    source = random.Random(1)
    told = 0
    for _ in range(12):
        process = shared.start("fill", told + 1)
        for _ in range(source.randint(1, 12)):
            told = int(process.stdout.readline())
        process.kill()
        told = int(([str(told)] + process.stdout.read().splitlines())[-1])
        process.wait()
        # A commit that its server still works at may show a moment later; it must be a whole one all the same.
        (number,) = {int(row.value) for row in store.scan(b"p", PAIRS)}
        assert number in (told, told + 1)
        store.commit(*[put(b"p%02d" % index, str(told + 1).encode()) for index in range(PAIRS)])
        told += 1


def test_what_a_commit_counts_on_stays_until_it_is_done(shared: Any) -> None:
    store = shared.open()
    store.commit(put(b"k", b"0", ABSENT))
    workers = [shared.start("count on", name, 60) for name in "abc"]
    before: dict[int, int] = {}
    for epoch in range(1, 10):
        row = store.get(b"k")
        store.commit(put(b"k", b"%d" % epoch, row.version))
        # From here on nobody can make a row of an earlier epoch.
        before[epoch] = sum(int(row.value) < epoch for row in store.scan(b"x", 1000))
    assert [last_line(worker) for worker in workers] == ["60"] * 3
    rows = store.scan(b"x", 1000)
    assert len(rows) == 180
    assert before == {epoch: sum(int(row.value) < epoch for row in rows) for epoch in before}


def test_children_leave_their_parents_store_alone(shared: Any) -> None:
    assert last_line(shared.start("fork")) == "child"
    assert shared.open().get(b"f").value == b"again"
