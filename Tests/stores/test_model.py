"""One process, and any commits and reads: a store does what a dictionary would."""

from __future__ import annotations

import random
from typing import Any

import pytest
from plugin import ABSENT, ANY, Store, StoreError, get, keep, put, remove, scan

PIECES = [b"\x00", b"\x01", b"a", b"b", b"'", b"%", b"\\", b"\x7f", b"\x80", b"\xfe", b"\xff"]


class Model:
    """What must be in the store, and every version that a key ever had."""

    def __init__(self) -> None:
        self.rows: dict[bytes, tuple[bytes, int]] = {}
        self.versions: dict[bytes, set[int]] = {}

    def expected(self, random: random.Random, key: bytes) -> int:
        """Something that may be right."""
        present = self.rows.get(key)
        earlier = sorted(self.versions.get(key, set()))
        return random.choice(
            [ANY, ABSENT if present is None else present[1], ABSENT if present is None else present[1], ABSENT]
            + ([random.choice(earlier)] if earlier else [])
        )

    def fits(self, key: bytes, expected: int) -> bool:
        present = self.rows.get(key)
        return expected == ANY or expected == (ABSENT if present is None else present[1])

    def scanned(self, prefix: bytes, limit: int, after: bytes) -> list[bytes]:
        return [key for key in sorted(self.rows) if key.startswith(prefix) and key > after][:limit]


def a_key(random: random.Random, longest: int = 3) -> bytes:
    return b"".join(random.choices(PIECES, k=random.randint(1, longest)))


def step(store: Store, model: Model, random: random.Random) -> None:
    writes, fits, values = [], True, {}
    for key in {a_key(random) for _ in range(random.randint(1, 4))}:
        expected = model.expected(random, key)
        fits = fits and model.fits(key, expected)
        kind = random.choice(["put", "put", "put", "remove", "keep"])
        if kind == "put":
            values[key] = random.randbytes(random.choice([0, 1, 3, 3000]))
            writes.append(put(key, values[key], expected))
        elif kind == "remove":
            values[key] = None
            writes.append(remove(key, expected))
        else:
            writes.append(keep(key, expected))
    if not fits:
        with pytest.raises(StoreError) as caught:
            store.commit(*writes)
        assert caught.value.code == "conflict"
        return
    store.commit(*writes)
    for key, value in values.items():
        row = store.get(key)
        if value is None:
            assert row is None
            model.rows.pop(key, None)
            continue
        assert row is not None
        assert row.value == value
        assert row.version not in model.versions.setdefault(key, set()), "a version came back"
        model.versions[key].add(row.version)
        model.rows[key] = (value, row.version)


def compare(store: Store, model: Model, random: random.Random) -> None:
    wholly = store.scan(b"", 10000)
    assert {row.key: (row.value, row.version) for row in wholly} == model.rows
    assert [row.key for row in wholly] == sorted(model.rows)
    parts: list[Any] = []
    wanted = []
    for _ in range(6):
        prefix, limit, after = a_key(random, 2), random.choice([1, 2, 100]), random.choice([b"", a_key(random)])
        parts.append(scan(prefix, limit, after))
        wanted.append(model.scanned(prefix, limit, after))
        key = a_key(random)
        parts.append(get(key))
        wanted.append([key] if key in model.rows else [])
    assert [[row.key for row in rows] for rows in store.read(*parts)] == wanted


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_does_what_a_dictionary_would(place: Any, seed: int) -> None:
    store, model, source = place.open(), Model(), random.Random(seed)
    for number in range(150):
        step(store, model, source)
        if number % 10 == 0:
            compare(store, model, source)
    compare(store, model, source)


def test_the_largest_key_value_and_commit(place: Any) -> None:
    store = place.open()
    key, value = b"\xff" * 256, bytes(1 << 20)
    store.commit(*[put(key[: 256 - index], value, ABSENT) for index in range(4)])
    assert [row.key for row in store.scan(b"\xff", 9)] == [key[: 253 + index] for index in range(4)]
    assert store.get(key).value == value
    many = [put(b"m%04d" % index, b"", ABSENT) for index in range(2000)]
    store.commit(*many)
    assert len(store.scan(b"m", 3000)) == 2000
    store.commit(*[remove(write[0]) for write in many])
    assert store.scan(b"m", 1) == []


def test_a_deadline_that_is_over_is_told_or_kept(place: Any) -> None:
    store = place.open()
    try:
        store.commit(put(b"a", b"1", ABSENT), put(b"b", b"1", ABSENT), timeout=0)
    except StoreError as error:
        assert error.code == "timeout"
    assert len(store.scan(b"", 9)) in (0, 2)


def test_a_cancelled_call_ends(place: Any) -> None:
    store = place.open()
    Store.cancel(7)
    try:
        store.commit(put(b"a", b"1", ABSENT), put(b"b", b"1", ABSENT), cancel=7)
    except StoreError as error:
        assert error.code == "cancelled"
    assert len(store.scan(b"", 9)) in (0, 2)
