"""The report's plot: each measured ratio by its target, the best on top."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot  # noqa: E402
from matplotlib.ticker import FuncFormatter, NullFormatter  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

    from .report import Outcome, Report

MET, MISSED = "#2166ac", "#b2182b"


def draw(report: Report, path: Path) -> None:
    outcomes = [outcome for outcome in report.outcomes() if outcome.score is not None]
    outcomes.sort(key=lambda outcome: outcome.score, reverse=True)
    # The same bytes for the same numbers; and letters that are text, which are searched and read aloud.
    matplotlib.rcParams.update({"svg.hashsalt": "bench", "svg.fonttype": "none", "font.family": "sans-serif"})
    figure, axes = pyplot.subplots(figsize=(12, 0.3 * len(outcomes) + 1.4), layout="constrained")
    for place, outcome in enumerate(outcomes):
        least, most = outcome.score_spread
        color = MISSED if outcome.is_missed else MET
        axes.plot([least, most], [place, place], color=color, linewidth=2, alpha=0.5)
        axes.plot([outcome.score], [place], color=color, marker="X" if outcome.is_missed else "o", markersize=7)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_yticks(range(len(outcomes)), [_label(outcome) for outcome in outcomes], fontsize=8)
    axes.set_xlabel("measured, as a multiple of the target: left of the line is met (dot), right of it missed (cross)")
    axes.grid(axis="x", linewidth=0.4)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    figure.savefig(path, metadata={"Date": None})


def _label(outcome: Outcome) -> str:
    return outcome.target["what"]
