"""A short version of `make chaos`: the whole service is disturbed while it sends, and mail is counted where it arrives.

Each database and each transport once; `make chaos` runs all four pairs. CHAOS_SEED gives a seed that failed again.
"""

from __future__ import annotations

import os
import random

import pytest

from tests.chaos.plan import DATABASES, TRANSPORTS, Database, Plan, Transport
from tests.chaos.run import run


@pytest.mark.parametrize(("database", "transport"), list(zip(DATABASES, TRANSPORTS, strict=True)))
def test_nobody_is_lost_and_nobody_mailed_twice(database: Database, transport: Transport) -> None:
    seed = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(1_000_000))
    plan = Plan(
        seed,
        database,
        transport,
        readers=1500,
        seconds=5,
        batches=30,
        workers=2,
        deadline=1,
        pause=0.5,
    )
    result = run(plan)
    timeline = (result.folder / "timeline.txt").read_text() if result.folder else ""
    assert not result.verdict.wrong, f"CHAOS_SEED={seed}: {result}\n{timeline}\nlogs: {result.folder}"
