from __future__ import annotations

import asyncio
import gc
import inspect
import resource
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cloud_server import ACCESS_TOKEN, NOT_FOUND, CloudServer

from descope_conn import (
    AsyncClient,
    CancelledError,
    InvalidRequestError,
    NotFoundError,
    _aio_generated,
    _client_generated,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


def watched(client: AsyncClient) -> bool:
    """Whether the running loop watches a descriptor for the client."""
    return client._in_flight.is_watched


async def until_idle(client: AsyncClient) -> None:
    while client._in_flight:
        await asyncio.sleep(0.001)


async def arrivals(server: CloudServer, count: int) -> None:
    await asyncio.get_running_loop().run_in_executor(None, server.wait_for_requests, count)


def test_fetching_a_token(config: dict[str, Any]) -> None:
    async def main() -> None:
        async with AsyncClient(config) as client:
            token = await client.fetch_token("a", user_id="U1")
            assert (token.user_id, token.access_token) == ("U1", ACCESS_TOKEN)
            assert not watched(client)

    asyncio.run(main())


def test_errors_are_those_of_the_blocking_client(config: dict[str, Any], server: CloudServer) -> None:
    server.answers["missing"] = NOT_FOUND

    async def main() -> None:
        async with AsyncClient(config) as client:
            with pytest.raises(InvalidRequestError) as failure:
                await client.call("fetch", {"userId": "U1"})
            assert failure.value.field == "appId"
            with pytest.raises(NotFoundError):
                await client.fetch_token("missing", user_id="U1")

    asyncio.run(main())


def test_the_loop_runs_while_a_call_waits(config: dict[str, Any], server: CloudServer) -> None:
    async def main() -> None:
        async with AsyncClient(config) as client:
            with server.held():
                call = asyncio.create_task(client.fetch_token("a", user_id="U1"))
                await arrivals(server, 1)
                for _ in range(20):
                    await asyncio.sleep(0.001)
                assert not call.done()
                assert watched(client)
            assert (await call).user_id == "U1"

    asyncio.run(main())


def test_a_cancelled_task_cancels_its_call(config: dict[str, Any], server: CloudServer) -> None:
    async def main() -> None:
        async with AsyncClient(config) as client:
            with server.held():
                call = asyncio.create_task(client.fetch_token("a", user_id="U1"))
                await arrivals(server, 1)
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call
                # The library answers the cancelled call although the server does not.
                await asyncio.wait_for(until_idle(client), 10)
                assert not watched(client)
            assert (await client.fetch_token("a", user_id="U2")).user_id == "U2"

    asyncio.run(main())


def test_a_late_answer_is_dropped(config: dict[str, Any]) -> None:
    async def main() -> None:
        async with AsyncClient(config) as client:
            call = asyncio.create_task(client.fetch_token("a", user_id="U1"))
            other = asyncio.create_task(client.fetch_token("a", user_id="U2"))
            await asyncio.sleep(0)
            call.cancel()
            assert (await other).user_id == "U2"
            with pytest.raises(asyncio.CancelledError):
                await call
            await asyncio.wait_for(until_idle(client), 10)

    asyncio.run(main())


def test_timeouts(config: dict[str, Any], server: CloudServer) -> None:
    async def main() -> None:
        async with AsyncClient(config) as client:
            with server.held():
                with pytest.raises(TimeoutError):
                    await client.fetch_token("a", user_id="U1", timeout=0.05)
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(client.fetch_token("a", user_id="U1"), 0.05)

    asyncio.run(main())


@pytest.fixture
def _many_descriptors() -> Iterator[None]:
    """Room for both ends of every connection, client's and server's being in one process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 8192
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"only {hard} descriptors are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("_many_descriptors")
def test_thousands_of_calls_need_no_thread_each(config: dict[str, Any], server: CloudServer) -> None:
    def threads() -> int:
        return len(list(Path("/proc/self/task").iterdir()))

    async def main() -> None:
        async with AsyncClient(config) as client:
            before = threads()
            with server.held():
                calls = [asyncio.create_task(client.fetch_token("a", user_id=f"U{i}")) for i in range(2000)]
                await arrivals(server, 1)
                assert len(client._in_flight) == 2000
                assert threads() - before < 8
            tokens = await asyncio.gather(*calls)
            assert [token.user_id for token in tokens] == [f"U{i}" for i in range(2000)]
            assert not watched(client)

    asyncio.run(main())


def test_closing_ends_what_is_in_flight(config: dict[str, Any], server: CloudServer) -> None:
    async def main() -> None:
        client = AsyncClient(config)
        with server.held():
            call = asyncio.create_task(client.fetch_token("a", user_id="U1"))
            await arrivals(server, 1)
            # The server answers nothing, so that only cancelling the call lets this end in time.
            assert await asyncio.wait_for(client.aclose(wait=60), 10)
            with pytest.raises(CancelledError):
                await call
        assert await client.aclose()
        with pytest.raises(InvalidRequestError, match="closed"):
            await client.describe()

    asyncio.run(main())


def test_a_call_is_refused_as_soon_as_closing_begins(config: dict[str, Any], server: CloudServer) -> None:
    async def main() -> None:
        client = AsyncClient(config)
        with server.held():
            call = asyncio.create_task(client.fetch_token("a", user_id="U1"))
            await arrivals(server, 1)
            closing = asyncio.create_task(client.aclose(wait=60))
            await asyncio.sleep(0)
            # It waits for what is in flight.
            with pytest.raises(InvalidRequestError, match="the client is closed"):
                await client.describe()
            with pytest.raises(CancelledError):
                await call
        assert await closing

    asyncio.run(main())


def test_a_client_belongs_to_one_loop(config: dict[str, Any]) -> None:
    client = AsyncClient(config)

    async def fetch() -> None:
        await client.fetch_token("a", user_id="U1")

    asyncio.run(fetch())
    with pytest.raises(RuntimeError, match="another event loop"):
        asyncio.run(fetch())
    asyncio.run(client.aclose())


def test_a_loop_may_end_before_its_calls(config: dict[str, Any], server: CloudServer) -> None:
    client = AsyncClient(config)

    async def leave() -> None:
        call = asyncio.create_task(client.fetch_token("a", user_id="U1"))
        await arrivals(server, 1)
        assert not call.done()

    with server.held():
        asyncio.run(leave())
    asyncio.run(client.aclose())
    gc.collect()


def test_a_client_that_nobody_closed_gives_its_descriptors_back(config: dict[str, Any]) -> None:
    def descriptors() -> list[str]:
        return sorted(path.name for path in Path("/proc/self/fd").iterdir())

    async def use(clients: list[AsyncClient]) -> None:
        for client in clients:
            await client.describe()

    asyncio.run(use([AsyncClient(config)]))
    gc.collect()
    before = descriptors()
    clients = [AsyncClient(config) for _ in range(10)]
    asyncio.run(use(clients))
    assert len(descriptors()) > len(before)
    clients.clear()
    gc.collect()
    assert descriptors() == before


@pytest.mark.parametrize(
    ("blocking", "awaited"),
    [
        (_client_generated.Operations, _aio_generated.AsyncOperations),
        (_client_generated.Apps, _aio_generated.AsyncApps),
        (_client_generated.Templates, _aio_generated.AsyncTemplates),
        (_client_generated.Device, _aio_generated.AsyncDevice),
        (_client_generated.Keys, _aio_generated.AsyncKeys),
        (_client_generated.Audit, _aio_generated.AsyncAudit),
        (_client_generated.MCP, _aio_generated.AsyncMCP),
    ],
)
def test_both_clients_have_the_same_methods(blocking: type[object], awaited: type[object]) -> None:
    def operations(client: type[object]) -> dict[str, object]:
        methods = {name: method for name, method in vars(client).items() if hasattr(method, "__wrapped__")}
        return {name: (inspect.signature(method), method.__doc__) for name, method in methods.items()}

    assert operations(blocking)
    assert operations(blocking) == operations(awaited)
