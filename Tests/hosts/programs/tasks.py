"""A Celery worker that sends itself a task, which has a refresh begin and is told `timeout`."""

from __future__ import annotations

import json
import os

from celery import Celery
from celery.signals import worker_process_shutdown, worker_ready
from descope_conn import Client, ConnError

CONFIG = json.loads(os.environ["CONFIG"])
app = Celery("tasks", broker="memory://", set_as_current=True)
app.conf.update(worker_redirect_stdouts=False, broker_connection_retry_on_startup=True)


kept: list[Client] = []


def say(line: object) -> None:
    os.write(1, f"{line}\n".encode())


def outcome(client: Client) -> str:
    try:
        return client.fetch_token("crm", user_id="alice", timeout=2).access_token
    except ConnError as error:
        return error.code


@app.task
def refresh() -> None:
    say(os.getpid())
    say(outcome(of_the_master))
    of_the_child = Client(CONFIG)
    say(outcome(of_the_child))
    if os.environ.get("KEEPS") != "nothing":
        kept.append(of_the_child)


@worker_ready.connect
def begin(**_: object) -> None:
    refresh.delay()


@worker_process_shutdown.connect
def end(**_: object) -> None:
    say("ending")


of_the_master = Client(CONFIG)
