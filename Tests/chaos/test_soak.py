"""Eight processes on one vault for half an hour, or for MINUTES: killed, ended, on slow and full disks, with clocks
that are off and jump. What was acknowledged is there, what was deleted is gone and revoked, and no grant is lost but
with a process that was killed between the provider's reply and the commit. SEED makes other choices."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest
from chaos import HERE, LIBRARY, ROOT, Process, Vault
from soak_provider import Provider
from test_killed import check_file

if TYPE_CHECKING:
    from pathlib import Path

MINUTES = float(os.environ.get("MINUTES") or "30")
SEED = int(os.environ.get("SEED") or "1")
WORKERS = 8
LONG_LIVED = 2
CHECKPOINT_SECONDS = 60
MOST_LATE = 1.0
# What a pool of kept connections may differ by, from one quiet moment to another, once it is warm.
MOST_OPEN_MORE = 12
MOST_TOLD = 50
LATER = 12 * 3600
SHARED = [(app, f"shared{number}") for app in ("strict", "lenient") for number in range(4)]


class Worker:
    """A process of soak_worker.py, and what it told."""

    def __init__(self, soak: Soak, number: int, is_long_lived: bool) -> None:
        chance = soak.chance
        self.number = number
        self.is_long_lived = is_long_lived
        self.end = "close" if is_long_lived else chance.choice(["close", "exit"])
        self.was_killed = False
        self.ended = float("inf")
        weather = {
            "clock": chance.choice([0, 0, 600, -600]),
            "steps": chance.random() < 0.3,
            "slow": chance.choice([0, 0, 5, 20, 50]),
            "full": not is_long_lived and chance.random() < 0.3,
        }
        job = {
            "config": soak.vault.config,
            "number": number,
            "seed": soak.chance.random(),
            "provider": soak.provider.url,
            "weather": weather,
            "end": self.end,
        }
        self.name = f"process {number} ({self.end}, {weather})"
        environment = {
            **os.environ,
            "LD_PRELOAD": str(soak.meddle),
            "DESCOPE_CONN_LIBRARY": LIBRARY,
            "PYTHONPATH": str(ROOT / "bindings" / "python"),
        }
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "soak_worker.py"), json.dumps(job)], env=environment, stdout=subprocess.PIPE
        )
        self.told: list[list[Any]] = []
        self._is_ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.told.append(json.loads(line))
            self._is_ready.set()

    def kill(self) -> None:
        self.was_killed = True
        self.process.kill()
        self._finish()

    def stop(self) -> None:
        """It ends as it likes, and must."""
        self._is_ready.wait(timeout=120)
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=120)
        except subprocess.TimeoutExpired:
            self.told.append(["problem", "it did not end"])
            self.process.kill()
        self._finish()
        if self.process.returncode != 0:
            self.told.append(["problem", f"it ended with {self.process.returncode}"])

    def _finish(self) -> None:
        self.process.wait()
        self.ended = time.monotonic()
        self._reader.join()
        self.process.stdout.close()


class Change:
    """A store or a deletion that some process began."""

    def __init__(self, worker: Worker, what: str, app: str, user: str, value: str | None, begin: float) -> None:
        self.worker, self.what, self.app, self.user, self.value, self.begin = worker, what, app, user, value, begin
        self.outcome: str | None = None
        self.end = float("inf")


class Soak:
    def __init__(self, vault: Vault, meddle: Path) -> None:
        self.vault, self.meddle = vault, meddle
        self.chance = random.Random(SEED)
        self.provider = Provider(SEED)
        self.workers: list[Worker] = []
        for app in ("strict", "lenient"):
            self.make_app(app, f"{self.provider.url}/{app}")
        vault.call("apps.create", id="keys", appType="apikey")
        for app, user in SHARED:
            self.store_grant(app, user)

    def make_app(self, app: str, place: str) -> None:
        ends = {"authorization": "authorize", "token": "token", "revocation": "revoke"}
        urls = {f"{name}Url": f"{place}/{end}" for name, end in ends.items()}
        self.vault.call("apps.create", id=app, clientId="soak", clientSecret=f"the secret of {place}", **urls)

    def store_grant(self, app: str, user: str) -> None:
        with self.provider.lock:
            grant = self.provider.make(f"/{app}", user, 0)
            refresh_token = self.provider.grants[grant].refresh_token
        self.vault.call("store_token", appId=app, userId=user, refreshToken=refresh_token)

    # While it runs.

    def run(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        checkpoint = time.monotonic() + CHECKPOINT_SECONDS
        running = [self.start(is_long_lived=number < LONG_LIVED) for number in range(WORKERS)]
        while time.monotonic() < end:
            time.sleep(self.chance.uniform(1, 6))
            which = self.chance.randrange(LONG_LIVED, WORKERS)
            if self.chance.random() < 0.5:
                running[which].kill()
            else:
                running[which].stop()
            running[which] = self.start(is_long_lived=False)
            if time.monotonic() > checkpoint:
                self.check()
                self.mend()
                checkpoint = time.monotonic() + CHECKPOINT_SECONDS
        for worker in running:
            worker.stop()

    def start(self, is_long_lived: bool) -> Worker:
        worker = Worker(self, len(self.workers) + 1, is_long_lived)
        self.workers.append(worker)
        return worker

    def check(self) -> None:
        """What must hold at any time."""
        verdict = self.vault.call("audit.verify")
        assert verdict["ok"], verdict
        found = self.problems()
        if found:
            pytest.fail("\n".join(found[:MOST_TOLD]), pytrace=False)

    def mend(self) -> None:
        """The users of shared grants that died connect again."""
        for app, user in SHARED:
            for token in self.vault.call("list", appId=app, userId=user)["tokens"]:
                if token["status"] == "needs_reauthorization":
                    self.store_grant(app, user)

    # What came of it.

    def problems(self) -> list[str]:
        """All that went wrong so far."""
        found = [
            f"{worker.name}: {line[1]}" for worker in self.workers for line in list(worker.told) if line[0] == "problem"
        ]
        with self.provider.lock:
            found += self.provider.strays
            reuses = list(self.provider.reuses)
        for grant, answer, (process, moment), is_end in reuses:
            if not self.was_killed(answer):
                what = "lost" if is_end else "nearly lost"
                found.append(
                    f"the grant {grant} is {what}: its tokens were answered to {self.name(answer)}, "
                    f"and process {process} has asked again {moment - answer[1]:.1f} s later"
                )
        for worker in self.workers:
            for line in list(worker.told):
                if line[0] == "token" and self.provider.grants[line[2]].subject != line[1]:
                    found.append(f"{worker.name}: {line[1]} was answered a token of somebody else")
                if line[0] == "missing" and not any(self.is_excused(grant) for grant in line[3:]):
                    found.append(f"{worker.name}: {line} is not usable, and nobody was killed")
                if line[0] == "late" and line[1] > MOST_LATE:
                    found.append(f"{worker.name}: {line[2]} was answered {line[1]:.1f} s after its deadline")
        return found

    def was_killed(self, answer: tuple[int, float]) -> bool:
        """Whether the process that the provider answered was killed."""
        process, _ = answer
        return process > 0 and self.workers[process - 1].was_killed

    def name(self, answer: tuple[int, float]) -> str:
        process, moment = answer
        if process == 0:
            return "the harness"
        worker = self.workers[process - 1]
        end = "was killed" if worker.was_killed else "ended"
        return f"{worker.name}, {worker.ended - moment:.1f} s before it {end}"

    def is_excused(self, name: str) -> bool:
        """Whether the newest tokens of a grant went to a process that was killed, or did when it died of that."""
        grant = self.provider.grants[name]
        return any(self.was_killed(answer) for answer in grant.answers[-2:])

    def changes(self) -> list[Change]:
        changes: dict[str, Change] = {}
        for worker in self.workers:
            for line in worker.told:
                if line[0] == "begin":
                    changes[line[1]] = Change(worker, *line[2:])
                elif line[0] == "end":
                    changes[line[1]].outcome, changes[line[1]].end = line[2:]
        return list(changes.values())

    def exported(self) -> tuple[dict[tuple[str, str], str], dict[tuple[str, str], str]]:
        """What the vault holds: the refresh tokens and the API keys, by connection and user."""
        tokens, keys, after = {}, {}, {}
        while True:
            answer = self.vault.call("export", limit=1000, **after)
            assert "unreadable" not in answer, answer
            tokens |= {(each["appId"], each["userId"]): each["refreshToken"] for each in answer["tokens"]}
            keys |= {(each["appId"], each["userId"]): each["apiKey"] for each in answer["apiKeys"]}
            if "next" not in answer:
                return tokens, keys
            after = {"after": answer["next"]}

    def verify(self) -> list[str]:
        """All that is wrong when every process has ended, and the outbox was worked off."""
        self.provider.is_calm = True
        found = []
        for _ in range(5):
            run = self.vault.run(("revocations.run", {"limit": 1000, "waitMs": 1000}), clock=LATER)["results"][0]
            if run.get("failed"):
                found.append(f"{run['failed']} tokens were given up: {run}")
            if run.get("pending") == 0:
                break
        else:
            found.append(f"the outbox does not empty: {run}")
        check_file(self.vault)
        tokens, keys = self.exported()
        changes = self.changes()
        found += self.verify_refreshes(tokens)
        found += self.verify_stores(changes, tokens, keys)
        found += self.verify_volatile(changes)
        return found + self.problems()

    def verify_refreshes(self, tokens: dict[tuple[str, str], str]) -> list[str]:
        """Every grant that is kept can be refreshed, or is known to be uncertain, for a process that was killed."""
        found = []
        places = sorted(tokens)
        calls = [("fetch", {"appId": app, "userId": user, "options": {"forceRefresh": True}}) for app, user in places]
        # The provider is away now and then.
        answers = dict(zip(places, self.vault.run(*calls, clock=LATER, boot=1)["results"]))
        for attempt in range(1, 6):
            again = [
                (place, call)
                for place, call in zip(places, calls)
                if answers[place].get("error", {}).get("code") == "unavailable"
            ]
            if again:
                results = self.vault.run(*(call for _, call in again), clock=(attempt + 1) * LATER, boot=attempt + 1)[
                    "results"
                ]
                answers |= dict(zip((place for place, _ in again), results))
        for (app, user), answer in answers.items():
            name = tokens[app, user].split(".")[1]
            if "token" in answer:
                if not self.provider.is_newest(answer["token"]["accessToken"]):
                    found.append(f"{user} at {app}: the token that was answered is not the grant's newest")
                if answer["token"]["accessToken"].split(".")[1] != name:
                    found.append(f"{user} at {app}: the token that was answered is of another grant")
                continue
            listed = self.vault.call("list", appId=app, userId=user)["tokens"]
            # Rejected: a service was shown the access token since, which had died with the grant.
            reasons = [each.get("reason") for each in listed]
            if reasons not in (["uncertain"], ["rejected"]) or not self.is_excused(name):
                processes = [self.name(each) for each in self.provider.grants[name].answers[-2:]]
                found.append(f"{user} at {app}: {answer}, {listed}; answered to {processes}")
        return found

    def verify_stores(
        self, changes: list[Change], tokens: dict[tuple[str, str], str], keys: dict[tuple[str, str], str]
    ) -> list[str]:
        """What the last change of a user's token left is what there is. Only one process changes it."""
        found = []
        histories: dict[tuple[str, str], list[Change]] = defaultdict(list)
        for change in changes:
            if change.user and not change.app.startswith("volatile"):
                histories[change.app, change.user].append(change)
        for (app, user), history in histories.items():
            if app == "keys":
                held = keys.get((app, user))
            else:
                held = tokens[app, user].split(".")[1] if (app, user) in tokens else None
            may = {None}
            for change in history:
                may = {change.value} if change.outcome == "ok" else may | {change.value}
            if held not in may:
                found.append(f"{user} at {app} has {held}, and it should be {may}; {history[-1].worker.name}")
        return found

    def verify_volatile(self, changes: list[Change]) -> list[str]:
        """Nothing went without a deletion, and what a deletion took was revoked."""
        found = []
        deletions = [
            change
            for change in changes
            if change.app.startswith("volatile")
            and change.what in ("delete", "apps.delete")
            and change.outcome != "not_found"
        ]
        for worker in self.workers:
            for line in worker.told:
                if line[0] != "gone":
                    continue
                _, app, user, begin, end = line
                if not any(
                    each.app == app and each.user in ("", user) and each.begin < end and each.end > begin
                    for each in deletions
                ):
                    found.append(f"{user} has lost his token at {app}, and nobody has deleted it; {worker.name}")
        kept = {token.split(".")[1] for token in self.exported()[0].values()}
        for change in changes:
            if change.what != "store" or change.app == "keys" or change.outcome != "ok":
                continue
            grant = self.provider.grants[change.value]
            if change.value in kept and grant.is_revoked:
                found.append(f"the grant {change.value} of {change.user} is kept and was revoked at the provider")
            if change.value not in kept and not grant.is_revoked and not self.is_excused(change.value):
                found.append(
                    f"the grant {change.value} of {change.user} at {change.app} is neither kept nor revoked: "
                    f"its tokens were answered to {self.name(grant.answers[-1])}"
                )
        return found

    def leaks(self) -> list[str]:
        found = []
        for worker in self.workers:
            counts = [line[1:] for line in worker.told if line[0] == "open"]
            for name, series in zip(("descriptors", "threads"), zip(*counts)):
                if max(series) > max(series[:2]) + MOST_OPEN_MORE:
                    found.append(f"{worker.name}: open {name} grow: {series}")
        return found

    def summary(self) -> str:
        told = [line for worker in self.workers for line in worker.told]
        calls = sum(max((line[1] for line in worker.told if line[0] == "calls"), default=0) for worker in self.workers)
        late = max((line[1] for line in told if line[0] == "late"), default=0)
        killed = sum(worker.was_killed for worker in self.workers)
        return (
            f"{len(self.workers)} processes, {killed} of them killed; {calls} calls, "
            f"{self.provider.refreshes} refreshes, {len(self.provider.reuses)} of them tried again; "
            f"the latest answer {late:.2f} s after its deadline"
        )


@pytest.mark.soak
def test_nothing_is_lost(tmp_path: Path, process: Process, meddle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vault = Vault(tmp_path, None, process)
    vault.config |= {"timeoutMs": 10_000, "allowExport": True}
    soak = Soak(vault, meddle)
    try:
        soak.run(60 * MINUTES)
        found = soak.verify() + soak.leaks()
    finally:
        for worker in soak.workers:
            if worker.process.poll() is None:
                worker.kill()
        with capsys.disabled():
            print(f"\n{soak.summary()}")
    assert vault.call("audit.verify")["ok"]
    if found:
        pytest.fail("\n".join([f"{len(found)} things went wrong:", *found[:MOST_TOLD]]), pytrace=False)
