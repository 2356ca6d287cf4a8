from __future__ import annotations

import multiprocessing
import os
import traceback
from typing import TYPE_CHECKING, Any, Callable

import pytest

from descope_conn import Client, ConnError

if TYPE_CHECKING:
    from collections.abc import Mapping

# Since 3.12 Python warns of every fork in a process with threads; here that is the point.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


def succeeds_in_child(check: Callable[[], None]) -> bool:
    child = os.fork()
    if child == 0:
        try:
            check()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_child_is_told_that_the_client_is_not_its_own(client: Client) -> None:
    client.fetch_token("a", user_id="U1")

    def check() -> None:
        with pytest.raises(ConnError, match="process"):
            client.fetch_token("a", user_id="U1")
        client.close()

    assert succeeds_in_child(check)
    assert client.fetch_token("a", user_id="U1").user_id == "U1"


def test_a_cached_token_stays_with_its_process(config: dict[str, Any]) -> None:
    with Client({**config, "cache": {"ttlSeconds": 600}}) as client:
        client.fetch_token("a", user_id="U1")

        def check() -> None:
            with pytest.raises(ConnError, match="process"):
                client.fetch_token("a", user_id="U1")
            client.close()

        assert succeeds_in_child(check)
        assert client.fetch_token("a", user_id="U1").user_id == "U1"


def test_a_child_opens_its_own(client: Client, config: dict[str, Any]) -> None:
    client.fetch_token("a", user_id="U1")

    def check() -> None:
        with Client(config) as own:
            assert own.fetch_token("a", user_id="U2").user_id == "U2"

    assert succeeds_in_child(check)


def fetch(config: Mapping[str, object], user_id: str) -> str | None:
    with Client(config) as client:
        return client.fetch_token("a", user_id=user_id).user_id


def describe_parents_client(_: int) -> None:
    assert parents_client is not None
    parents_client.describe()


parents_client: Client | None = None


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(client: Client, config: dict[str, Any], method: str) -> None:
    client.fetch_token("a", user_id="U1")
    with multiprocessing.get_context(method).Pool(2) as pool:
        users = pool.starmap(fetch, [(config, f"U{i}") for i in range(4)])
    assert users == [f"U{i}" for i in range(4)]


def test_the_error_in_a_worker_reaches_the_parent(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "parents_client", client)
    with multiprocessing.get_context("fork").Pool(1) as pool, pytest.raises(ConnError, match="process"):
        pool.map(describe_parents_client, [0])
