"""One process of the soak: a random mix of calls from three threads and an event loop, over a vault that it shares.

Its one argument is an object:

    config    what it opens
    number    its own, and its address's: no two processes have the same
    seed      of its choices
    provider  the URL of soak_provider.py
    weather   `clock` seconds that its time of day is off, `steps` whether it also jumps by hours, `slow` milliseconds
              that a sync takes, `full` whether the disk is full now and then
    end       what SIGTERM has it do: `close` the handle with all calls answered, or `exit` with calls under way

It prints what it does, an array on each line. What it did not print it did not do:

    ["begin", id, what, appId, userId, value, moment], then ["end", id, outcome, moment]
              a change; `what` is store, delete, apps.create or apps.delete, `outcome` ok or an error's code
    ["gone", appId, userId, moment, moment]
              between these moments a token was not found that the process had stored
    ["missing", appId, userId, grants...]
              a grant was not usable that the process had stored: it may have died with a process that was killed
    ["token", userId, grant]    the user was answered a token of this grant
    ["problem", text]       what may not happen
    ["late", seconds, operation]    the longest so far that an answer came after its deadline
    ["open", descriptors, threads]  while no call is under way
    ["calls", n]            how many calls were answered; 0 when it is ready to be ended
"""

from __future__ import annotations

import asyncio
import ctypes
import hashlib
import http.client
import itertools
import json
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from descope_conn import AsyncClient, Client, ConnError

THREADS = 3
ROUND_SECONDS = 20
PASS, DISK_FULL = 0, 3
WARNING = 2
VOLATILE = [f"volatile{number}" for number in range(3)]
SHARED = [(app, f"shared{number}") for app in ("strict", "lenient") for number in range(4)]
# What an answer may be where nothing is broken; `internal` is for full disks.
EXPECTED = {
    "cancelled",
    "conflict",
    "connection_required",
    "limit",
    "not_found",
    "provider_error",
    "rate_limited",
    "timeout",
    "unavailable",
}

job = json.loads(sys.argv[1])
config, number, provider, weather = job["config"], job["number"], job["provider"], job["weather"]
host = urlsplit(provider).netloc

meddle = ctypes.CDLL(None)
meddle.meddle_arm.argtypes = [ctypes.c_int, ctypes.c_long]
meddle.meddle_clock.argtypes = [ctypes.c_long]
meddle.meddle_slow.argtypes = [ctypes.c_long]
meddle.meddle_number.argtypes = [ctypes.c_int]

library = ctypes.CDLL(os.environ["DESCOPE_CONN_LIBRARY"])
library.descope_conn_set_log.argtypes = [ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p]

stopping = threading.Event()
ids = itertools.count()
full_until = 0.0
latest = 0.0
calls = itertools.count(1)
answered = 0
can_back_up = False


def tell(*line: object) -> None:
    os.write(1, json.dumps(line).encode() + b"\n")  # a pipe, and the line is short: it is written in one piece


def ask(path: str, **query: str) -> tuple[int, dict[str, Any]]:
    """A request of the user's browser, or of a service that is shown a token."""
    connection = http.client.HTTPConnection(host, timeout=30)
    try:
        connection.request("GET", path + "?" + "&".join(f"{name}={quote(value)}" for name, value in query.items()))
        answer = connection.getresponse()
        return answer.status, json.load(answer)
    finally:
        connection.close()


class Lane:
    """What one thread or task does, one call after another. Nobody else changes its users."""

    def __init__(self, name: str) -> None:
        self.chance = random.Random(f"{job['seed']} {name}")
        self.users = [f"p{number}-{name}-{user}" for user in range(4)]
        # By connection and user: the value that is stored, None where there is none, or several where nobody knows.
        self.known: dict[tuple[str, str], set[str | None]] = {}
        self.token_ids: dict[tuple[str, str], str] = {}

    def rest(self) -> float:
        return self.chance.uniform(0.02, 0.2)

    # Each of these is a generator that yields calls, `(operation, fields)`, and is sent the answer or the error's code.

    def act(self) -> Any:
        actions = {
            self.fetch_shared: 30,
            self.reject_shared: 6,
            self.store_key: 10,
            self.store_grant: 8,
            self.connect_freely: 6,
            self.look: 20,
            self.delete: 6,
            self.use_volatile: 10,
            self.make_volatile: 1.5,
            self.look_around: 5,
            self.change_keys: 0.1,
            self.back_up: 0.1 if can_back_up else 0,
        }
        return self.chance.choices(list(actions), list(actions.values()))[0]()

    def change(self, what: str, app: str, user: str, value: str | None, operation: str, fields: dict[str, Any]) -> Any:
        """A call that stores or deletes; what is known afterwards."""
        name = f"{number}-{next(ids)}"
        tell("begin", name, what, app, user, value, time.monotonic())
        answer = yield operation, fields
        outcome = answer if isinstance(answer, str) else "ok"
        tell("end", name, outcome, time.monotonic())
        if user:
            before = self.known.get((app, user), {None})
            self.known[app, user] = {value} if outcome == "ok" else before | {value}
            if isinstance(answer, dict) and "tokenId" in answer:
                self.token_ids[app, user] = answer["tokenId"]
        return answer

    def fetch_shared(self) -> Any:
        app, user = self.chance.choice(SHARED)
        fields: dict[str, Any] = {"appId": app, "userId": user, "minTtlSeconds": self.chance.choice([0, 1, 3])}
        if self.chance.random() < 0.2:
            fields["options"] = {"forceRefresh": True}
        answer = yield "fetch", fields
        if isinstance(answer, dict):
            self.check_owner(answer["token"], user)

    def check_owner(self, token: dict[str, Any], user: str) -> None:
        if token.get("userId", user) != user:
            tell("problem", f"{user} was answered a token of {token['userId']}")
        # An access token names its grant, and the harness knows whose that is.
        tell("token", user, token["accessToken"].split(".")[1])

    def reject_shared(self) -> Any:
        app, user = self.chance.choice(SHARED)
        answer = yield "fetch", {"appId": app, "userId": user, "minTtlSeconds": 0}
        if isinstance(answer, str):
            return
        token = answer["token"]
        status, _ = ask("/me", token=token["accessToken"])
        if status == 401:
            digest = hashlib.sha256(token["accessToken"].encode()).hexdigest()
            answer = yield "report_rejected", {"tokenId": token["id"], "tokenHash": digest, "userId": user}
            if isinstance(answer, dict) and "token" in answer:
                self.check_owner(answer["token"], user)

    def store_key(self) -> Any:
        user, value = self.chance.choice(self.users), f"key {number} {next(ids)}"
        fields = {"appId": "keys", "userId": user, "apiKey": value}
        yield from self.change("store", "keys", user, value, "store_api_key", fields)

    def store_grant(self) -> Any:
        """A grant that was made elsewhere is brought to the vault."""
        app = self.chance.choice(["strict", "lenient"])
        user = self.free(app)
        if not user:
            return
        _, minted = ask(f"/{app}/mint", subject=user)
        fields = {
            "appId": app,
            "userId": user,
            "refreshToken": minted["refresh_token"],
            "accessToken": minted["access_token"],
            "accessTokenExpiry": int(time.time()) + minted["expires_in"],
        }
        yield from self.change("store", app, user, minted["grant"], "store_token", fields)

    def free(self, app: str) -> str | None:
        """One of its users who has nothing there."""
        free = [user for user in self.users if self.known.get((app, user), {None}) == {None}]
        return self.chance.choice(free) if free else None

    def connect_freely(self) -> Any:
        app = self.chance.choice(["strict", "lenient"])
        user = self.free(app)
        if user:
            yield from self.connect(app, user)

    def connect(self, app: str, user: str) -> Any:
        options = {"redirectUrl": "https://host.example/done"}
        answer = yield "connect", {"appId": app, "userId": user, "options": options}
        if isinstance(answer, str):
            return
        url = urlsplit(answer["url"])
        state = dict(parse_qsl(url.query))["state"]
        _, granted = ask(url.path, subject=user)
        fields = {"state": state, "code": granted["code"], "openedBy": {"userId": user}}
        yield from self.change("store", app, user, granted["grant"], "complete", fields)

    def look(self) -> Any:
        """What it has stored is there."""
        stable = [each for each in self.known if each[0] not in VOLATILE]
        if not stable:
            return
        app, user = self.chance.choice(stable)
        answer = yield "fetch", {"appId": app, "userId": user, "minTtlSeconds": 1}
        known = self.known[app, user]
        if isinstance(answer, dict):
            token = answer["token"]["accessToken"]
            value = token if app == "keys" else token.split(".")[1]
            if value not in known:
                tell("problem", f"{user} at {app} was answered {value}, and it was {sorted(map(str, known))}")
            self.known[app, user] = {value}
        elif answer in ("not_found", "connection_required"):
            if None not in known and app == "keys":
                tell("problem", f"what {user} has at {app} is not found: {answer}")
            elif None not in known:
                tell("missing", app, user, *known)

    def delete(self) -> Any:
        app, user = self.chance.choice([*self.known] or [("keys", self.users[0])])
        ways = [{"appId": app, "userId": user}]
        if (app, user) in self.token_ids and len(self.known[app, user]) == 1:
            ways.append({"tokenId": self.token_ids[app, user]})
        yield from self.change("delete", app, user, None, "delete", self.chance.choice(ways))

    def make_volatile(self) -> Any:
        """Connections whose ids everybody uses: each one that is made has endpoints of its own."""
        app = self.chance.choice(VOLATILE)
        if self.chance.random() < 0.3:
            yield from self.change("apps.delete", app, "", None, "apps.delete", {"id": app})
        elif self.chance.random() < 0.2:
            yield from self.change("delete", app, "", None, "delete", {"appId": app})
        else:
            place = f"{provider}/made/{number}-{next(ids)}"
            settings = {"id": app, "clientId": "soak", "clientSecret": "the secret of " + place}
            urls = {name + "Url": f"{place}/{end}" for name, end in ENDPOINTS.items()}
            yield from self.change("apps.create", app, "", place, "apps.create", {**settings, **urls})

    def use_volatile(self) -> Any:
        app = self.chance.choice(VOLATILE)
        user = self.free(app)
        if user is None:
            # Those of earlier incarnations are of no use.
            user = self.chance.choice(self.users)
            yield from self.change("delete", app, user, None, "delete", {"appId": app, "userId": user})
            return
        begin = time.monotonic()
        yield from self.connect(app, user)
        if None in self.known.get((app, user), {None}):
            return
        answer = yield "fetch", {"appId": app, "userId": user, "options": {"forceRefresh": True}}
        if isinstance(answer, dict):
            self.check_owner(answer["token"], user)
        elif answer in ("not_found", "connection_required"):
            tell("gone", app, user, begin, time.monotonic())
            self.known[app, user] = {None}

    def look_around(self) -> Any:
        which = self.chance.choice(["list", "list", "audit.list", "apps.list", "revocations.run"])
        fields = {
            "list": {"userId": self.chance.choice(self.users)},
            "audit.list": {"limit": 50, "userId": self.chance.choice(self.users)},
            "apps.list": {},
            "revocations.run": {"limit": 3},
        }
        yield which, fields[which]

    def change_keys(self) -> Any:
        answer = yield "keys.add", {}
        if isinstance(answer, str):
            return
        yield "keys.activate", {"id": answer["id"]}
        yield "keys.reseal", {}
        answer = yield "keys.list", {}
        for key in [] if isinstance(answer, str) else answer["keys"]:
            if not key["active"] and key["rows"] == 0:
                yield "keys.drop", {"id": key["id"]}

    def back_up(self) -> Any:
        copy = f"{config['path']}-copy-{number}-{next(ids)}"
        yield "backup", {"path": copy}
        Path(copy).unlink(missing_ok=True)


ENDPOINTS = {"authorization": "authorize", "token": "token", "revocation": "revoke"}


def settled(operation: str, begin: float, limit: float, answer: Any) -> Any:
    """The answer of a call, or its error's code. Tells if it may not be."""
    global latest, answered
    answered = next(calls)
    end = time.monotonic()
    if end - begin - limit > latest:
        latest = end - begin - limit
        tell("late", latest, operation)
    if not isinstance(answer, ConnError):
        return answer
    is_full = answer.code == "internal" and begin < full_until
    if answer.code not in EXPECTED and not is_full and not stopping.is_set():
        tell("problem", f"{operation}: {answer.code}: {answer.message}")
    return answer.code


def run_thread(client: Client, lane: Lane, end: float) -> None:
    while time.monotonic() < end and not stopping.is_set():
        acts, answer = lane.act(), None
        try:
            while True:
                operation, fields = acts.send(answer)
                limit, begin = lane.chance.uniform(2, 20), time.monotonic()
                try:
                    answer = client.call(operation, fields, timeout=limit)
                except ConnError as error:
                    answer = error
                answer = settled(operation, begin, limit, answer)
        except StopIteration:
            time.sleep(lane.rest())


async def run_task(client: AsyncClient, lane: Lane, end: float) -> None:
    loop = asyncio.get_running_loop()
    while time.monotonic() < end and not stopping.is_set():
        acts, answer = lane.act(), None
        try:
            while True:
                operation, fields = await loop.run_in_executor(None, send, acts, answer)
                limit, begin = lane.chance.uniform(2, 20), time.monotonic()
                try:
                    answer = await client.call(operation, fields, timeout=limit)
                except ConnError as error:
                    answer = error
                answer = settled(operation, begin, limit, answer)
        except EndOfActs:
            await asyncio.sleep(lane.rest())


class EndOfActs(Exception):
    """A StopIteration cannot leave a coroutine."""


def send(acts: Any, answer: Any) -> Any:
    try:
        return acts.send(answer)
    except StopIteration:
        raise EndOfActs from None


def run_tasks(lanes: list[Lane], end: float) -> None:
    async def run() -> None:
        async with AsyncClient(config) as client:
            await asyncio.gather(*(run_task(client, lane, end) for lane in lanes))

    asyncio.run(run())


def blow() -> None:
    """The weather."""
    global full_until
    chance = random.Random(f"{job['seed']} weather")
    while not stopping.wait(chance.uniform(0.5, 5)):
        if weather["steps"] and chance.random() < 0.2:
            meddle.meddle_clock(chance.choice([-3, -1, 1, 3]) * 3600 + weather["clock"])
        if weather["full"] and chance.random() < 0.3:
            full_until = float("inf")
            meddle.meddle_arm(DISK_FULL, chance.randrange(1, 30))
            stopping.wait(chance.uniform(0.1, 1.5))
            meddle.meddle_arm(PASS, 0)
            full_until = time.monotonic() + 0.1


def main() -> None:
    global can_back_up
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    tell("calls", 0)
    meddle.meddle_number(number)
    library.descope_conn_set_log(WARNING, ctypes.cast(meddle.meddle_log, ctypes.c_void_p), None)
    meddle.meddle_clock(weather["clock"])
    meddle.meddle_slow(weather["slow"] * 1000)
    sky = threading.Thread(target=blow, daemon=True)
    sky.start()
    client = Client(config)
    can_back_up = any(operation["op"] == "backup" for operation in client.describe()["operations"])
    lanes = [Lane(str(each)) for each in range(2 * THREADS)]
    threads: list[threading.Thread] = []
    while not stopping.is_set():
        end = time.monotonic() + ROUND_SECONDS
        threads = [
            threading.Thread(target=run_thread, args=(client, lane, end), daemon=True) for lane in lanes[:THREADS]
        ]
        threads.append(threading.Thread(target=run_tasks, args=(lanes[THREADS:], end), daemon=True))
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            threads[-1].join(0.1)
            threads[0].join(0.1)
            if stopping.is_set() and job["end"] == "exit":
                break
        tell("calls", answered)
        if not stopping.is_set():
            tell("open", len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task")))
    sky.join()
    if job["end"] == "close":
        for thread in threads:
            thread.join()
        if not client.close(wait=60):
            tell("problem", "close did not end")
    tell("calls", answered)


main()
