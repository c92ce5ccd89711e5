"""Counts of the readers who were told of corrections, for the history of a story."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy.orm import Session

from newsletter.core.cadence import Cadence


class ToldBy(Protocol):
    """A digest that told readers of a correction."""

    @property
    def cadence(self) -> Cadence: ...

    @property
    def scheduled_at(self) -> datetime | None: ...

    @property
    def readers(self) -> int:
        """Those whose mail with the correction was accepted."""


def told_readers(session: Session, revision_ids: Collection[int]) -> Mapping[int, Sequence[ToldBy]]:
    """The digests that told of each correction, the earliest first, by the id of its revision.

    No digest carries corrections yet: `delivery.reports` will count them.
    """
    return {}
