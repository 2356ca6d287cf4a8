"""A Celery worker that sends itself a task, which has a refresh begin and is told `timeout`."""

from __future__ import annotations

import os

from celery import Celery
from celery.signals import worker_process_shutdown, worker_ready
from descope_conn import Client
from telling import CONFIG, outcome, say

app = Celery("tasks", broker="memory://", set_as_current=True)
app.conf.update(worker_redirect_stdouts=False, broker_connection_retry_on_startup=True)


kept: list[Client] = []


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
