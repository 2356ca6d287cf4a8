"""The report: Markdown for readers, JSON for programs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from .measure import Result, Spread

INTRODUCTION = """# Benchmarks

Made by `make bench`; `Benchmarks/` has how each is measured, and [performance](performance.md) where the time goes.

Ours and the peer's rounds take turns. A round makes the same call many times; its number is the median call's, or, of
what is in flight together, the round's time by its calls. A number below is the median of the rounds. A ratio is taken
round by round, and given as the median, with the least and the most. All of it is on one machine and loopback, so that
no network's time hides ours.
"""

UNITS = {"p50": "µs", "p99": "µs", "submitting": "ms", "seconds": "s", "mebibytes": "MiB", "threads": ""}


@dataclass
class Report:
    targets: dict[str, dict[str, dict[str, Any]]]
    machine: dict[str, str]
    date: str
    is_quick: bool
    results: list[Result] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    """Why a row is not there."""
    minutes: float = 0

    def __post_init__(self) -> None:
        self.rows = {f"{file}.{row}": target for file, rows in self.targets.items() for row, target in rows.items()}

    def outcomes(self) -> list[Outcome]:
        """In the order of the table of targets."""
        by_row = {result.row: result for result in self.results}
        return [Outcome(by_row[row], target) for row, target in self.rows.items() if row in by_row]

    def write(self, markdown: Path, data: Path, plot: Path) -> None:
        markdown.write_text(self._markdown(plot.relative_to(markdown.parent)))
        whole = {
            "date": self.date,
            "machine": self.machine,
            "quick": self.is_quick,
            "minutes": round(self.minutes, 1),
            "results": [{**asdict(each.result), **each.target, "score": each.score} for each in self.outcomes()],
            "leftOut": self.left_out,
        }
        data.write_text(json.dumps(whole, indent=1) + "\n")

    def _markdown(self, plot: Path) -> str:
        outcomes = self.outcomes()
        with_target = [outcome for outcome in outcomes if outcome.score is not None]
        missed = [outcome for outcome in with_target if outcome.is_missed]
        lines = [INTRODUCTION]
        if self.is_quick:
            lines += ["**A quick run: few and short rounds, smaller vaults and fewer calls in flight.**", ""]
        lines += [
            f"{self.date}, {self.minutes:.0f} minutes: {len(with_target)} targets, {len(missed)} of them missed.",
            "",
            f"![Each ratio by its target]({plot})",
            "",
            "| what | ours | the peer's | ratio | target | |",
            "|---|--:|--:|--:|--:|---|",
            *(outcome.line() for outcome in outcomes),
            "",
        ]
        notes = [note for outcome in outcomes if (note := outcome.note())]
        lines += ["Of ours besides:", "", *notes, ""] if notes else []
        if self.left_out:
            lines += ["Not measured:", ""]
            lines += [f"- {self.rows[row]['what']}: {why}" for row, why in self.left_out.items()]
            lines += [""]
        lines += ["## The machine", "", "| | |", "|---|---|"]
        lines += [f"| {name} | {value} |" for name, value in self.machine.items()]
        return "\n".join(lines) + "\n"


@dataclass
class Outcome:
    result: Result
    target: dict[str, Any]

    @property
    def score(self) -> float | None:
        """What was measured by the target: above 1 it is missed. None without a target."""
        return self._scored(self._compared.median)

    @property
    def score_spread(self) -> tuple[float, float] | None:
        ends = self._scored(self._compared.least), self._scored(self._compared.most)
        return None if None in ends else (min(ends), max(ends))

    @property
    def is_missed(self) -> bool:
        return self.score is not None and self.score > 1

    @property
    def _compared(self) -> Spread:
        return self.result.ratio or self.result.us

    def _scored(self, value: float) -> float | None:
        if "at_most" in self.target:
            return value / self.target["at_most"]
        if "at_least" in self.target:  # of how many times as fast
            return self.target["at_least"] * value
        return None

    def line(self) -> str:
        result, unit = self.result, self.target["unit"]
        peer = f"{number(result.peer.median)} {unit}" if result.peer else ""
        cells = [self.target["what"], f"{number(result.us.median)} {unit}", peer, self._ratio(), self._target()]
        return f"| {' | '.join(cells)} | {self._verdict()} |"

    def note(self) -> str:
        told = [f"{name} {number(value)} {UNITS[name]}".strip() for name, value in self.result.also.items()]
        return f"- {self.target['what']}: {', '.join(told)}" if told else ""

    def _ratio(self) -> str:
        spread = self._compared
        if self.result.ratio is None:
            return f"({number(spread.least)} to {number(spread.most)})"
        if "at_least" in self.target:
            return f"1/{1 / spread.median:.1f} (1/{1 / spread.least:.1f} to 1/{1 / spread.most:.1f})"
        return f"{spread.median:.2f} ({spread.least:.2f} to {spread.most:.2f})"

    def _target(self) -> str:
        if "at_least" in self.target:
            return f"≤ 1/{self.target['at_least']:g}"
        if "at_most" in self.target:
            most = f"{self.target['at_most']:.2g}"
            return f"≤ {most}" if self.result.ratio else f"≤ {most} {self.target['unit']}"
        return ""

    def _verdict(self) -> str:
        if self.score is None:
            return ""
        least, most = self.score_spread or (0, 0)
        is_close = least <= 1 < most
        if not self.is_missed:
            return "met, not in every round" if is_close else "met"
        by = (self.score - 1) * 100
        told = f"{by:.0f} %" if by < 200 else f"a factor of {self.score:.1f}"
        return f"**missed by {told}**" + (", met in some rounds" if is_close else "")


def number(value: float) -> str:
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f}"
