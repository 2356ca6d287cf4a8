"""Has a refresh in flight whose caller was told `timeout`, and ends as the argument says."""

from __future__ import annotations

import asyncio
import atexit
import gc
import json
import multiprocessing
import os
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from descope_conn import AsyncClient, Client

CONFIG = json.loads(os.environ["CONFIG"])


def fetch(client: Client) -> None:
    try:
        client.fetch_token("crm", user_id="alice", timeout=2)
    except TimeoutError:
        print("timeout")


async def fetch_and_be_cancelled(client: AsyncClient) -> None:
    """The test says when the provider has the request."""
    call = asyncio.create_task(client.fetch_token("crm", user_id="alice"))
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    call.cancel()
    await asyncio.wait([call])
    print("cancelled")


def without_close() -> None:
    global client  # it lives as long as the interpreter
    client = Client(CONFIG)
    fetch(client)


def in_a_with_block() -> None:
    with Client(CONFIG) as client:
        fetch(client)
        print("closing")
    print("closed")


def by_close() -> None:
    client = Client(CONFIG)
    fetch(client)
    print("closing")
    print(client.close(), client.close())


def by_collection() -> None:
    client = Client(CONFIG)
    fetch(client)
    del client
    gc.collect()


def inside_a_daemon_thread() -> None:
    """The call itself goes on: nobody was told anything yet."""
    client = Client(CONFIG)
    threading.Thread(target=client.fetch_token, args=("crm",), kwargs={"user_id": "alice"}, daemon=True).start()
    sys.stdin.readline()


def after_a_loop_is_closed() -> None:
    global client
    client = AsyncClient(CONFIG)
    asyncio.run(fetch_and_be_cancelled(client))


def in_an_async_with_block() -> None:
    async def main() -> None:
        async with AsyncClient(CONFIG) as client:
            await fetch_and_be_cancelled(client)
            ticks = asyncio.create_task(answer_lines())
            print("closing")
        print("closed")
        await ticks

    async def answer_lines() -> None:
        line = await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        print(f"the loop runs: {line.strip()}")

    asyncio.run(main())


def in_a_forked_child() -> None:
    parents = Client(CONFIG)
    parents.describe()
    child = os.fork()
    if child == 0:
        without_close()
        print(os.getpid())
        sys.exit()  # with all that an interpreter does at its end
    assert os.waitpid(child, 0)[1] == 0
    print("the child has ended")


def beside_a_forked_child() -> None:
    """The parent has a refresh in flight; the child has nothing to wait for."""
    without_close()
    child = os.fork()
    if child == 0:
        sys.exit()
    assert os.waitpid(child, 0)[1] == 0
    print("the child has ended")


def in_a_child_of_multiprocessing() -> None:
    child = multiprocessing.get_context(sys.argv[2]).Process(target=child_of_multiprocessing)
    child.start()
    child.join()
    assert child.exitcode == 0


def child_of_multiprocessing() -> None:
    globals()[sys.argv[3]]()
    print(os.getpid())


def in_a_pool_of_processes() -> None:
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
        pool.submit(child_of_multiprocessing).result()


def in_a_loop() -> None:
    async def main() -> None:
        client = AsyncClient(CONFIG)
        try:
            await client.fetch_token("crm", user_id="alice", timeout=2)
        except TimeoutError:
            print("timeout")

    asyncio.run(main())


def by_close_in_a_daemon_thread() -> None:
    client = Client(CONFIG)
    fetch(client)
    threading.Thread(target=client.close, daemon=True).start()
    while not client.closed:
        time.sleep(0)


def inside_a_thread() -> None:
    """It goes on when the main thread has ended."""
    client = Client(CONFIG)

    def go_on() -> None:
        threading.main_thread().join()
        client.describe()
        fetch(client)

    threading.Thread(target=go_on).start()


def inside_a_thread_that_opens_late() -> None:
    def open_late() -> None:
        threading.main_thread().join()
        without_close()

    threading.Thread(target=open_late).start()


def by_an_exit_hook_of_before() -> None:
    atexit.register(lambda: print(client.describe() is not None, client.close()))
    without_close()


class Service:
    """Closes when it is collected."""

    def __init__(self) -> None:
        self.client = Client(CONFIG)

    def __del__(self) -> None:
        print(f"closed: {self.client.close()}\n", end="")  # in one piece, beside what another thread prints


def by_a_finalizer() -> None:
    service = Service()
    fetch(service.client)


def by_a_finalizer_of_a_cycle() -> None:
    service: Any = Service()
    service.itself = service
    fetch(service.client)
    del service
    gc.collect()


def by_a_finalizer_at_the_end() -> None:
    global service
    service = Service()
    fetch(service.client)


def by_a_finalizer_of_a_cycle_at_the_end() -> None:
    global service
    service = Service()
    service.itself = service
    fetch(service.client)


def given_up() -> None:
    client = Client(CONFIG)
    fetch(client)
    print(client.close(wait=0), client.close())


async def _given_up() -> None:
    client = AsyncClient(CONFIG)
    await fetch_and_be_cancelled(client)
    print(await client.aclose(wait=0), await client.aclose())


def given_up_async() -> None:
    asyncio.run(_given_up())


async def _given_up_by_cancellation() -> None:
    client = AsyncClient(CONFIG)
    await fetch_and_be_cancelled(client)
    closing = asyncio.create_task(client.aclose())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait([closing])
    print(closing.cancelled())


def given_up_by_cancellation() -> None:
    asyncio.run(_given_up_by_cancellation())


def given_up_when_closing_had_begun() -> None:
    """Closing has begun without the user, whose second close is the one that gives up."""
    service: Any = Service()
    service.itself = service
    fetch(service.client)
    client = service.client

    def give_up() -> None:
        while not client._ending.was_asked_for:
            time.sleep(0)
        print(f"{client.close()}\n", end="")

    thread = threading.Thread(target=give_up)
    thread.start()
    client._ending.begin()
    del service
    gc.collect()
    thread.join()


def given_up_by_another_thread() -> None:
    client = Client(CONFIG)
    fetch(client)
    closed: list[Any] = []
    thread = threading.Thread(target=lambda: closed.append(client.close()))
    thread.start()
    while not client.closed:
        time.sleep(0)
    print(client.close())
    thread.join()
    print(*closed)


def given_up_by_ctrl_c() -> None:
    client = Client(CONFIG)
    fetch(client)
    print("closing")
    try:
        client.close()
    except KeyboardInterrupt:
        print("interrupted")


if __name__ == "__main__":
    globals()[sys.argv[1]]()
    print("ending")
