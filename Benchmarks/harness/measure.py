"""What a benchmark is, and how one is measured: rounds of us and of the peer in turn, and the median of each."""

from __future__ import annotations

import json
import os
import select
import statistics
import subprocess
import time
from dataclasses import dataclass, field
from typing import Protocol

MOST_SECONDS = 240  # for one round; none takes as long

Figures = dict[str, float]


class Unavailable(Exception):
    """What a benchmark needs is not on this machine. The report says so."""


class Side(Protocol):
    """Us, or the peer."""

    def start(self, seconds: float) -> None:
        """Gets ready for rounds of about so many seconds."""

    def round(self) -> Figures: ...

    def stop(self) -> None: ...


@dataclass
class Calls:
    """A program that makes the same call over and over. It reads how many, and prints a line of JSON with figures:
    ``p50``, ``p99`` and ``mean``, in microseconds. See programs/rounds.h, rounds.py and rounds.js."""

    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    most: int = 1_000_000
    """The most calls of a round, where they leave something behind."""

    def start(self, seconds: float) -> None:
        self._process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | self.environment
        )
        self._count, took = 10, 0.0
        # A whole round is made before any counts: files get into the system's cache, and compilers that work meanwhile
        # come to an end.
        while took < seconds * 0.7:
            begin = time.perf_counter()
            self.round()
            took = time.perf_counter() - begin
            if self._count == self.most:
                break
            grown = self._count * min(seconds / took, 8.0)
            self._count = max(5, min(int(grown), self.most))

    def round(self) -> Figures:
        print(self._count, file=self._process.stdin, flush=True)
        return self._line()

    def _line(self) -> Figures:
        ready, _, _ = select.select([self._process.stdout], [], [], MOST_SECONDS)
        line = self._process.stdout.readline() if ready else ""
        if not line:
            self._process.kill()
            raise RuntimeError(f"{self.command[0]} {'ended' if ready else 'did not answer'}")
        return json.loads(line)

    def stop(self) -> None:
        self._process.stdin.close()
        try:
            self._process.wait(30)
        finally:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()


@dataclass
class Whole:
    """A program that does it all once, and prints one line of JSON with figures."""

    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)

    def start(self, seconds: float) -> None:
        self.round()  # files get into the system's cache

    def round(self) -> Figures:
        done = subprocess.run(
            self.command,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            timeout=MOST_SECONDS,
            env=os.environ | self.environment,
        )
        return json.loads(done.stdout.splitlines()[-1])

    def stop(self) -> None:
        pass


@dataclass
class Once(Whole):
    """The same, where a run takes so long that a warm-up is too much."""

    def start(self, seconds: float) -> None:
        pass


@dataclass
class Known:
    """What need not be measured, such as an ideal."""

    figures: Figures

    def start(self, seconds: float) -> None:
        pass

    def round(self) -> Figures:
        return self.figures

    def stop(self) -> None:
        pass


@dataclass
class Benchmark:
    us: Side
    peer: Side | None
    compares: dict[str, str]
    """Rows of its file's part of targets.toml, each with the figure that it is about."""
    reports: list[str] = field(default_factory=list)
    """Further figures of ours that the report names."""
    rounds: int | None = None
    """Fewer than usual, where one takes long."""


@dataclass
class Spread:
    """A median of rounds, and the least and the most of them."""

    median: float
    least: float
    most: float

    @staticmethod
    def of(values: list[float]) -> Spread:
        return Spread(statistics.median(values), min(values), max(values))


@dataclass
class Result:
    """What came of one row of targets.toml."""

    row: str
    figure: str
    us: Spread
    peer: Spread | None
    ratio: Spread | None
    """Ours to the peer's, round by round; more is worse."""
    also: dict[str, float]
    rounds: list[tuple[Figures, Figures | None]]


def measure(name: str, benchmark: Benchmark, rounds: int, seconds: float) -> list[Result]:
    sides = [side for side in (benchmark.us, benchmark.peer) if side is not None]
    started: list[Side] = []
    taken: list[tuple[Figures, Figures | None]] = []
    try:
        for side in sides:
            started.append(side)
            side.start(seconds)
        for number in range(min(rounds, benchmark.rounds or rounds)):
            # Who goes first changes, so that nobody always has the caches that the other has left.
            order = sides if number % 2 == 0 else sides[::-1]
            figures = {id(side): side.round() for side in order}
            taken.append((figures[id(benchmark.us)], benchmark.peer and figures[id(benchmark.peer)]))
    finally:
        for side in started:
            side.stop()
    return [_result(benchmark, f"{name}.{row}", figure, taken) for row, figure in benchmark.compares.items()]


def _result(benchmark: Benchmark, row: str, figure: str, rounds: list[tuple[Figures, Figures | None]]) -> Result:
    us = [ours[figure] for ours, _ in rounds]
    pairs = [(ours[figure], theirs[figure]) for ours, theirs in rounds if theirs is not None]
    also = {name: statistics.median(ours[name] for ours, _ in rounds) for name in benchmark.reports}
    return Result(
        row,
        figure,
        Spread.of(us),
        Spread.of([theirs for _, theirs in pairs]) if pairs else None,
        Spread.of([ours / theirs for ours, theirs in pairs]) if pairs else None,
        also,
        rounds,
    )
