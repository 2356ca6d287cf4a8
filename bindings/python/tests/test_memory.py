from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Callable

import pytest

from descope_conn import InvalidRequestError

if TYPE_CHECKING:
    from descope_conn import Client

CALLS = 50_000
ALLOWED_BYTES = 4 * 2**20  # 84 bytes a call, less than the smallest answer


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def growth(call: Callable[[], object], calls: int) -> int:
    for _ in range(calls // 10):
        call()
    before = resident_bytes()
    for _ in range(calls):
        call()
    return resident_bytes() - before


def test_errors_leave_nothing_behind(client: Client) -> None:
    def fail() -> None:
        with pytest.raises(InvalidRequestError):
            client.call("fetch", {"userId": "U1"})

    assert growth(fail, CALLS) < ALLOWED_BYTES


def test_answers_leave_nothing_behind(client: Client) -> None:
    assert growth(client.describe, CALLS // 10) < ALLOWED_BYTES
