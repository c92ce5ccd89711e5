"""Run the benchmarks and print a table; `--json` prints one object. Exits 1 if a ratio that we promise is missed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable

from tests.bench import (
    desk_pages,
    events,
    freezing,
    growth,
    importing,
    public_pages,
    rendering,
    sending,
    signups,
    size,
    small,
    smtp,
    watching,
)
from tests.bench.result import Row

WIDTH = 76
"""Characters of a row's name."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--readers", type=int, default=100_000, help="of the smaller digest; the larger has ten times")
    parser.add_argument("--only", help="run one of them")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    benchmarks: dict[str, Callable[[], list[Row]]] = {
        "rendering": rendering.measure,
        "size": size.measure,
        "signups": signups.measure,
        "small": small.measure,
        "sending": lambda: sending.measure(options.readers),
        "smtp": lambda: smtp.measure(options.readers // 5),
        "events": lambda: events.measure(options.readers),
        "importing": lambda: importing.measure(10 * options.readers),
        "freezing": lambda: freezing.measure(10 * options.readers),
        "watching": lambda: watching.measure(10 * options.readers),
        "pages": lambda: public_pages.measure(options.readers),
        "desk": lambda: desk_pages.measure(10 * options.readers),
        "growth": lambda: growth.measure(10 * options.readers),
    }
    if options.only and options.only not in benchmarks:
        parser.error(f"--only takes one of {', '.join(benchmarks)}")
    chosen = [run for name, run in benchmarks.items() if options.only in (None, name)]
    rows: list[Row] = []
    for run in chosen:
        rows += (found := run())
        if not options.json:  # each as it comes: all of them take half an hour
            sys.stdout.write("".join(map(_line, found)))
            sys.stdout.flush()
    if options.json:
        sys.stdout.write(json.dumps([row._asdict() for row in rows]) + "\n")
    return int(any(row.kept is False for row in rows))


def _line(row: Row) -> str:
    verdict = {None: "", True: "  ok", False: "  MISSED"}[row.kept]
    return f"{row.what.ljust(WIDTH)}  {row.value:>12,.2f} {row.unit:<14} {row.promise}{verdict}\n"


sys.exit(main())
