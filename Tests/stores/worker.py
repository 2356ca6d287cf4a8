"""A process that uses a store: opens it, and does what its first argument says. What it prints is what came of it.

Its other arguments: the plugin's path, the config, and what the job wants.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator

from plugin import ABSENT, Store, StoreError, get, keep, put

PAIRS = 20


def add(store: Store, times: str) -> Iterator[object]:
    """Adds 1 to the number at `n`, so many times."""
    added = 0
    while added < int(times):
        row = store.get(b"n")
        assert row is not None
        try:
            store.commit(put(b"n", str(int(row.value) + 1).encode(), row.version))
            added += 1
        except StoreError as error:
            if error.code != "conflict":
                raise
    yield added


def fill(store: Store, first: str) -> Iterator[object]:
    """Writes a number into all rows of `p` at once, and the next one, for ever."""
    number = int(first)
    while True:
        store.commit(*[put(b"p%02d" % index, str(number).encode()) for index in range(PAIRS)])
        yield number
        number += 1


def watch(store: Store, times: str) -> Iterator[object]:
    """Reads the rows of `p`, twice over: how often they were not of one commit."""
    torn = 0
    for _ in range(int(times)):
        apart = store.read(get(b"p00"), get(b"p%02d" % (PAIRS - 1)))
        together = store.scan(b"p", PAIRS)
        torn += apart[0][0].value != apart[1][0].value
        torn += len({row.value for row in together}) != 1
    yield torn


def count_on(store: Store, name: str, times: str) -> Iterator[object]:
    """Makes rows that say what was at `k`, on condition that it still is."""
    made = 0
    while made < int(times):
        row = store.get(b"k")
        assert row is not None
        try:
            store.commit(keep(b"k", row.version), put(b"x%s%06d" % (name.encode(), made), row.value, ABSENT))
            made += 1
        except StoreError as error:
            if error.code != "conflict":
                raise
    yield made


def fork(store: Store, path: str, config: str) -> Iterator[object]:
    """A child leaves while its parent has the store open, another one opens it as well; then the parent goes on."""
    store.commit(put(b"f", b"parent", ABSENT))
    for opens in (False, True):
        child = os.fork()
        if child == 0:
            if opens:
                own = Store(path, json.loads(config))
                row = own.get(b"f")
                own.commit(put(b"g", b"child" if row is not None and row.value == b"parent" else b"nothing", ABSENT))
                own.close()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    row, made = store.get(b"f"), store.get(b"g")
    assert row is not None
    assert made is not None
    store.commit(put(b"f", b"again", row.version))
    yield made.value.decode()


JOBS: dict[str, Callable[..., Iterator[object]]] = {
    "add": add,
    "fill": fill,
    "watch": watch,
    "count on": count_on,
    "fork": fork,
}


def main() -> None:
    job, path, config, *rest = sys.argv[1:]
    store = Store(path, json.loads(config))
    if job == "fork":
        rest = [path, config]
    print("open", flush=True)
    for said in JOBS[job](store, *rest):
        print(said, flush=True)
    store.close()


main()
