"""Cadences: how often digests come."""

from __future__ import annotations

from enum import StrEnum


class Cadence(StrEnum):
    """The cadence of a digest.

    Breaking news comes at any time, to readers who want it beside their own cadence. A correction comes at any time, to
    those who were sent the mistake.
    """

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    BREAKING = "breaking"
    CORRECTION = "correction"


READER_CADENCES = (Cadence.DAILY, Cadence.WEEKLY, Cadence.MONTHLY)
"""The cadences of which a reader chooses one."""

COMPOSED_CADENCES = (*READER_CADENCES, Cadence.BREAKING)
"""The cadences of digests that are composed of articles. A correction holds none."""

URGENT_CADENCES = (Cadence.BREAKING, Cadence.CORRECTION)
"""The cadences that wait for nobody's hour, nor for digests that were begun before."""
