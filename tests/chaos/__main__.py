"""Send digests through chaos and count where they arrive. Exits 1 when somebody was lost, or mailed twice."""

from __future__ import annotations

import argparse
import itertools
import logging
import random
import sys

from tests.chaos.plan import DATABASES, TRANSPORTS, Plan
from tests.chaos.run import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="what is left to chance follows from it [a new one]")
    parser.add_argument("--readers", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=40.0, help="how long each run is disturbed")
    parser.add_argument("--database", choices=DATABASES, help="only this one")
    parser.add_argument("--transport", choices=TRANSPORTS, help="only this one")
    parser.add_argument("--runs", type=int, default=1, help="how often, with the next seed each time")
    parser.add_argument("--keep", action="store_true", help="keep logs and timelines of runs that went well, too")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1_000_000)
    databases = [options.database] if options.database else DATABASES
    transports = [options.transport] if options.transport else TRANSPORTS
    logging.disable()  # each process has a file of its own; what this one would say belongs to the incidents
    failed = False
    for number, database, transport in itertools.product(range(options.runs), databases, transports):
        plan = Plan(seed + number, database, transport, options.readers, options.seconds)
        say(f"{plan} …")
        result = run(plan, keep=options.keep)
        say(f"  {result}")
        if result.folder:
            say(f"  logs and timeline: {result.folder}")
        if result.verdict.wrong:
            failed = True
            say((result.folder / "timeline.txt").read_text() if result.folder else "")
            say(f"  again: --seed {plan.seed} --database {database} --transport {transport}")
    return int(failed)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


sys.exit(main())
