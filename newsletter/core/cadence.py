"""Cadences: how often digests come."""

from __future__ import annotations

from enum import StrEnum


class Cadence(StrEnum):
    """The cadence of a digest. Breaking news comes at any time, to readers who want it beside their own cadence."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    BREAKING = "breaking"


READER_CADENCES = (Cadence.DAILY, Cadence.WEEKLY, Cadence.MONTHLY)
"""The cadences of which a reader chooses one."""
