"""Measures us beside the peers, and writes the report. `make bench` runs it.

    run.py BUILD NODE [--quick] [--only NAME]... [--minutes N]

BUILD is where the Makefile has put programs and packages. With --only, of `pairs/`, the report goes to BUILD. What does
not fit into the minutes is left out, and the report says so.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
import tomllib
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE)]
os.environ["no_proxy"] = "*"
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # modules are compiled once, as they are where packages are installed

from harness import machine, measure  # noqa: E402
from harness.report import Report  # noqa: E402
from harness.world import ROOT, World  # noqa: E402

TARGETS = tomllib.loads((HERE / "targets.toml").read_text())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path)
    parser.add_argument("node", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", action="append", choices=list(TARGETS))
    parser.add_argument("--minutes", type=float, default=20)
    options = parser.parse_args()

    os.environ["DESCOPE_CONN_LIBRARY"] = str(library := ROOT / "dist/lib/libdescope_conn.so.1")
    build, start = options.build.resolve(), time.monotonic()
    report = Report(TARGETS, machine.describe(library, options.node), f"{datetime.now(UTC):%Y-%m-%d}", options.quick)
    rounds, seconds = (3, 0.3) if options.quick else (9, 1.0)
    failures = 0
    with World(build, options.node, options.quick) as world:
        for name in options.only or TARGETS:
            rows = [f"{name}.{row}" for row in TARGETS[name]]
            pairs = importlib.import_module(f"pairs.{name}")
            try:
                for benchmark in pairs.benchmarks(world):
                    if time.monotonic() - start > options.minutes * 60:
                        report.left_out |= dict.fromkeys(rows, "there was no time left")
                        continue
                    for result in measure.measure(name, benchmark, rounds, seconds):
                        report.results.append(result)
                        shown = result.ratio or result.us
                        print(f"{result.row}: {shown.median:.3g} ({shown.least:.3g} to {shown.most:.3g})", flush=True)
            except measure.Unavailable as why:
                report.left_out |= dict.fromkeys(rows, str(why))
                print(f"{name}: {why}", flush=True)
            except Exception as error:  # the others are measured all the same
                failures += 1
                report.left_out |= dict.fromkeys(rows, f"failed: {type(error).__name__}")
                print(f"{name} failed: {error!r}", file=sys.stderr, flush=True)
    done = {result.row for result in report.results}
    report.left_out = {row: why for row, why in report.left_out.items() if row not in done}
    report.minutes = (time.monotonic() - start) / 60
    folder = build if options.only or options.quick else ROOT / "docs"
    report.write(folder / "benchmarks.md", folder / "benchmarks.json", folder / "benchmarks.svg")
    # Its packages are where nothing else finds them.
    sys.path.insert(0, str(build / "python"))
    from harness import plot

    plot.draw(report, folder / "benchmarks.svg")
    print(f"{folder}/benchmarks.md, benchmarks.json and benchmarks.svg, after {report.minutes:.1f} minutes")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
