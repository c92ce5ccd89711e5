"""Run the benchmarks and print a table; `--json` prints one object. Exits 1 if a ratio that we promise is missed."""

from __future__ import annotations

import argparse
import json
import sys

from tests.bench import rendering, sending


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--readers", type=int, default=100_000)
    parser.add_argument("--only", choices=["rendering", "sending"], help="run one of them")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = []
    if options.only != "sending":
        rows += rendering.measure()
    if options.only != "rendering":
        rows += sending.measure(options.readers)
    if options.json:
        sys.stdout.write(json.dumps([row._asdict() for row in rows]) + "\n")
    else:
        width = max(len(row.what) for row in rows)
        for row in rows:
            verdict = {None: "", True: "  ok", False: "  MISSED"}[row.kept]
            sys.stdout.write(f"{row.what.ljust(width)}  {row.value:>12,.2f} {row.unit:<14} {row.promise}{verdict}\n")
    return int(any(row.kept is False for row in rows))


sys.exit(main())
