"""The name of a letter: the end of a digest's permanent address, such as "2026-04-30-weekly".

It is fixed at the freeze and never changes, since each mail of the digest holds it.
"""

from __future__ import annotations

import re
from datetime import date

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from newsletter.core.cadence import Cadence
from newsletter.digests.models import Digest

_NAME = re.compile(r"\d{4}-\d{2}-\d{2}-[a-z]+(?:-[1-9]\d{0,4})?", re.ASCII)

LONGEST_NUMBER = 99
"""Letters of one day and cadence that the estimate of a mail's size leaves place for."""


def letter_name(day: date, cadence: Cadence, number: int = 1) -> str:
    """The name of the day's `number`th letter of a cadence; `day` is one of the publication's zone."""
    name = f"{day.isoformat()}-{cadence}"
    return name if number == 1 else f"{name}-{number}"


def next_letter_name(session: Session, day: date, cadence: Cadence) -> str:
    """The first name of that day and cadence that no digest has.

    Another transaction can take it before this one commits: the column is unique.
    """
    first = letter_name(day, cadence)
    taken = set(
        session.scalars(
            select(Digest.letter_name).where(or_(Digest.letter_name == first, Digest.letter_name.like(f"{first}-%")))
        )
    )
    number = 1
    while (name := letter_name(day, cadence, number)) in taken:
        number += 1
    return name


def is_letter_name(text: str) -> bool:
    """Whether `text` has the form of a letter's name. Whether there is such a letter, the database knows."""
    return _NAME.fullmatch(text) is not None
