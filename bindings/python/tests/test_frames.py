"""Error reporters show the locals of every frame of a traceback, and keep it: what they find there."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
import traceback
import weakref
from typing import TYPE_CHECKING, Any, Callable, NoReturn

import pytest

from descope_conn import AsyncClient, Client, ConnError, InvalidConfigError, InvalidRequestError, NotFoundError
from descope_conn._call import Call

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import FrameType

    from cloud_server import CloudServer

KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"
SECRET = "s3cr3t-of-the-user"


def frames(error: BaseException | None) -> Iterator[FrameType]:
    """Those of the package, also of the errors that led to this one."""
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if "/descope_conn/" in frame.f_code.co_filename:
                yield frame
        error = error.__context__


def expect_nothing_secret(error: BaseException) -> None:
    for frame in frames(error):
        for name, value in frame.f_locals.items():
            shown = f"{value!r} {value if isinstance(value, bytes) else ''!r}"
            assert not any(secret in shown for secret in (KEY, SECRET)), f"{name} of {frame.f_code.co_name}"


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Client]:
    with Client.vault(path=tmp_path / "vault.db", key={"bytes": KEY}) as client:
        yield client


CALLS: dict[str, dict[str, Any]] = {
    "store_api_key": {"app_id": "none", "api_key": SECRET, "user_id": "alice"},
    "store_token": {"app_id": "none", "refresh_token": SECRET, "user_id": "alice"},
    "complete": {"state": "none", "code": SECRET},
    "call": {"op": "complete", "fields": {"state": "none", "code": SECRET}},
}
WRONG: dict[str, dict[str, Any]] = {
    "a timeout that is none": {"timeout": -1},
    "what is no JSON": {"actor": object()},
    "an argument that there is not": {"nobody_knows": 1},
}


@pytest.mark.parametrize("name", CALLS)
def test_a_refused_call_leaves_no_secret_in_a_frame(vault: Client, name: str) -> None:
    with pytest.raises(ConnError) as failure:
        getattr(vault, name)(**CALLS[name])
    expect_nothing_secret(failure.value)


@pytest.mark.parametrize("name", CALLS)
def test_nor_does_one_that_was_awaited(tmp_path: Path, name: str) -> None:
    async def main() -> None:
        async with AsyncClient.vault(path=tmp_path / "vault.db", key={"bytes": KEY}) as client:
            with pytest.raises(ConnError) as failure:
                await getattr(client, name)(**CALLS[name])
            expect_nothing_secret(failure.value)

    asyncio.run(main())


@pytest.mark.parametrize("wrong", WRONG)
def test_nor_does_one_that_cannot_be_made(vault: Client, wrong: str) -> None:
    with pytest.raises((TypeError, ValueError)) as failure:
        vault.store_api_key("none", SECRET, user_id="alice", **WRONG[wrong])
    expect_nothing_secret(failure.value)


def tell(server: CloudServer) -> None:
    server.wait_for_requests(1)
    os.kill(os.getpid(), signal.SIGUSR1)


class TimeIsUp(Exception):
    """What a queue raises in a task that takes too long."""


def test_nor_does_one_that_a_signal_ended(config: dict[str, Any], server: CloudServer) -> None:
    def end(*_: object) -> NoReturn:
        raise TimeIsUp

    before = signal.signal(signal.SIGUSR1, end)
    try:
        with Client(config) as client, server.held():
            threading.Thread(target=tell, args=(server,), daemon=True).start()
            # The handler runs when the library has returned.
            with pytest.raises(TimeIsUp) as failure:
                client.store_api_key("a", SECRET, user_id="U1", timeout=1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    expect_nothing_secret(failure.value)


def test_nor_does_an_answer_that_cannot_be_read() -> None:
    def read(answer: Any) -> object:
        return answer["token"]

    with pytest.raises(KeyError) as failure:
        Call(b"{}", 0, read).result(f'{{"accessToken":"{SECRET}"}}'.encode())
    expect_nothing_secret(failure.value)


OPENINGS: dict[str, tuple[type[Exception], Callable[[type[Client | AsyncClient]], object]]] = {
    "vault": (InvalidConfigError, lambda kind: kind.vault(path="/nowhere/to/be", key={"bytes": KEY})),
    "cloud": (
        InvalidConfigError,
        lambda kind: kind.cloud(project_id="P1", management_key=SECRET, base_url="not a url", proxy=SECRET),
    ),
    "plugin": (ConnError, lambda kind: kind.plugin("/nowhere/to/be.so", {"password": SECRET})),
    "a timeout that is none": (TypeError, lambda kind: kind.vault(key={"bytes": KEY}, timeout=object())),  # type: ignore[arg-type]
    "what is no JSON": (TypeError, lambda kind: kind.vault(key={"bytes": KEY}, store={"config": object()})),
}


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize("opening", OPENINGS)
def test_nor_does_a_client_that_cannot_be_opened(kind: type[Client | AsyncClient], opening: str) -> None:
    expected, open_ = OPENINGS[opening]
    with pytest.raises(expected) as failure:
        open_(kind)
    expect_nothing_secret(failure.value)


class Kept:
    """Knows the clients that could not be opened either."""

    last: Any = None


class KeptClient(Kept, Client):
    def __init__(self, config: Mapping[str, object]) -> None:
        Kept.last = self
        super().__init__(config)


class KeptAsyncClient(Kept, AsyncClient):
    def __init__(self, config: Mapping[str, object]) -> None:
        Kept.last = self
        super().__init__(config)


@pytest.mark.parametrize("config", [{"backend": "vault"}, {"backend": "vault", "key": object()}])
def test_a_client_that_could_not_be_opened_is_one_that_is_closed(config: Mapping[str, object]) -> None:
    with pytest.raises((InvalidConfigError, TypeError)):
        KeptClient(config)
    client: Client = Kept.last
    assert repr(client) == "<KeptClient vault closed>"
    assert client.closed
    with client, pytest.raises(InvalidRequestError, match="closed"):
        client.describe()
    assert client.close()


def test_nor_is_an_asynchronous_one_open() -> None:
    async def main() -> None:
        with pytest.raises(InvalidConfigError):
            KeptAsyncClient({"backend": "vault"})
        client: AsyncClient = Kept.last
        assert repr(client) == "<KeptAsyncClient vault closed>"
        async with client:
            with pytest.raises(InvalidRequestError, match="closed"):
                await client.describe()
        assert await client.aclose()

    asyncio.run(main())


@pytest.fixture
def _no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_collector")
def test_a_client_whose_call_failed_goes_with_its_last_name(tmp_path: Path) -> None:
    client = Client.vault(path=tmp_path / "vault.db", key={"bytes": KEY})
    try:
        client.fetch_token("none", user_id="alice")
    except NotFoundError:
        known = weakref.ref(client)
    del client
    assert known() is None


@pytest.mark.usefixtures("_no_collector")
def test_so_does_one_whose_awaited_call_failed(tmp_path: Path) -> None:
    async def main() -> None:
        client = AsyncClient.vault(path=tmp_path / "vault.db", key={"bytes": KEY})
        try:
            await client.fetch_token("none", user_id="alice")
        except NotFoundError:
            known = weakref.ref(client)
        del client
        assert known() is None

    asyncio.run(main())
