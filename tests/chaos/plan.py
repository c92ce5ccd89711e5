"""The plan of a run: everything that is left to chance follows from its seed."""

from __future__ import annotations

import random
from typing import Literal, NamedTuple, get_args

Database = Literal["sqlite", "postgresql"]
Transport = Literal["sendgrid", "smtp"]
DATABASES: tuple[Database, ...] = get_args(Database)
TRANSPORTS: tuple[Transport, ...] = get_args(Transport)


class Plan(NamedTuple):
    """`seconds`: for how long everything is disturbed; about so long the sending would take undisturbed.

    The seed gives the same incidents at the same moments. What they hit depends on the machine, so a run that failed
    fails again often, not always.
    """

    seed: int
    database: Database
    transport: Transport
    readers: int = 20_000
    seconds: float = 40.0
    batches: int = 140
    """About so many, whatever the number of readers: there is at least one for each edition."""
    workers: int = 3
    deadline: int = 3
    """MAIL_DEADLINE: how long a provider that says nothing is waited for."""
    pause: float = 0.8
    """Seconds between two incidents, on average."""
    patience: float = 150.0
    """Seconds that the sending may still take once nothing disturbs it any more."""

    def rng(self, of: str) -> random.Random:
        """A source of chance for one part of the run, so that parts do not disturb each other's."""
        return random.Random(f"{self.seed} {self.database} {self.transport} {of}")

    def __str__(self) -> str:
        return f"{self.database} and {self.transport}, {self.readers:,} readers, seed {self.seed}"
