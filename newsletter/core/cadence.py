"""How often letters come."""

from __future__ import annotations

from enum import StrEnum


class Cadence(StrEnum):
    """The cadence of a digest. Breaking news goes out of turn, to the readers who want it beside their own cadence."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    BREAKING = "breaking"


READER_CADENCES = (Cadence.DAILY, Cadence.WEEKLY, Cadence.MONTHLY)
"""The cadences among which a reader chooses one."""
