"""The subject and the preheader of each edition, as segments of plain text.

The written ones go with the lead. An edition without the lead is named after its own first headlines, since it
must promise nothing that it does not hold.
"""

from __future__ import annotations

from collections.abc import Sequence

from newsletter.core.cadence import Cadence
from newsletter.digests.segments import Segment, When
from newsletter.digests.text import one_line

LONGEST_SUBJECT = 250
LONGEST_HEADLINE = 90
"""Characters of a headline in a preheader, of which mailboxes show about as many, and in a list of headlines."""


def default_subject(cadence: Cadence, headline: str) -> str:
    """The headline. Breaking news comes outside its readers' cadence, so its subject says why."""
    line = one_line(headline)
    return _shortened(f"Breaking news: {line}" if cadence == Cadence.BREAKING else line, LONGEST_SUBJECT)


def correction_subject(headline: str, *, is_withdrawal: bool) -> str:
    """The subject of a mail that holds nothing but a correction."""
    return _shortened(f"{'Withdrawn' if is_withdrawal else 'Correction'}: {one_line(headline)}", LONGEST_SUBJECT)


def subject_segments(
    written: str, cadence: Cadence, headlines: Sequence[str], lead: int | None, corrections: Sequence[str] = ()
) -> tuple[Segment, ...]:
    """The subject: the written one with the lead, at position `lead`; else the edition's first headline.

    An edition without an article has that of its first correction. A digest without articles has the written one.
    """
    if not headlines:
        return (Segment(one_line(written)),)
    others = [
        Segment(default_subject(cadence, headline), When.FIRST, position)
        for position, headline in enumerate(headlines)
        if position != lead
    ]
    alone = [Segment(subject, When.ONLY_CORRECTIONS, number) for number, subject in enumerate(corrections)]
    return (Segment(one_line(written), When.WITH_LEAD), *others, *alone)


def preheader_segments(written: str, headlines: Sequence[str]) -> tuple[Segment, ...]:
    """The preheader: the written one with the lead, else the headlines after the edition's first.

    Without a written one every edition gets its own headlines.
    """
    second, others = (When.SECOND, When.THIRD_OR_FOURTH) if written else (When.ANY_SECOND, When.ANY_THIRD_OR_FOURTH)
    segments = [Segment(one_line(written), When.WITH_LEAD)] if written else []
    for position, headline in enumerate(headlines):
        short = short_headline(headline)
        segments.append(Segment(short, second, position))
        segments.append(Segment(f" · {short}", others, position))
    return tuple(segments)


def short_headline(headline: str) -> str:
    """A headline where it stands among others: on one line, and cut at LONGEST_HEADLINE."""
    return _shortened(one_line(headline), LONGEST_HEADLINE)


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"
