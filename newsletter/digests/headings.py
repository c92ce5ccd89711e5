"""The subject and the preheader of each edition, as segments of plain text.

The written ones go with the lead. An edition without the lead is named after its own first headlines, since it
must promise nothing that it does not hold.
"""

from __future__ import annotations

from collections.abc import Sequence

from newsletter.articles.models import Revision
from newsletter.core.cadence import Cadence
from newsletter.digests.segments import Segment, When
from newsletter.digests.text import one_line, shortened

LONGEST_SUBJECT = 250
LONGEST_HEADLINE = 90
"""Characters of a headline in a preheader, of which mailboxes show about as many, and in a list of headlines."""
LONGEST_SENTENCE = 140
"""Characters of a correction's sentence in a preheader."""


def default_subject(cadence: Cadence, headline: str) -> str:
    """The headline. Breaking news comes outside its readers' cadence, so its subject says why."""
    line = one_line(headline)
    return shortened(f"Breaking news: {line}" if cadence == Cadence.BREAKING else line, LONGEST_SUBJECT)


def correction_subject(correction: Revision) -> str:
    """The subject of a mail that holds corrections alone, of which this is the first."""
    word = "Withdrawn" if correction.is_withdrawal else "Correction"
    return shortened(f"{word}: {one_line(correction.title)}", LONGEST_SUBJECT)


def subject_segments(
    written: str, cadence: Cadence, headlines: Sequence[str], lead: int | None, corrections: Sequence[Revision] = ()
) -> tuple[Segment, ...]:
    """The subject: the written one with the lead, at position `lead`; else the edition's first headline.

    An edition of corrections alone has its first one's. A digest without articles has the written one.
    """
    if not headlines:
        return (Segment(one_line(written)),)
    others = [
        Segment(default_subject(cadence, headline), When.FIRST, position)
        for position, headline in enumerate(headlines)
        if position != lead
    ]
    alone = [Segment(correction_subject(each), When.FIRST_CORRECTION, n) for n, each in enumerate(corrections)]
    return (Segment(one_line(written), When.WITH_LEAD), *others, *alone)


def preheader_segments(
    written: str, headlines: Sequence[str], corrections: Sequence[Revision] = ()
) -> tuple[Segment, ...]:
    """The preheader: the written one with the lead, else the headlines after the edition's first.

    Without a written one every edition gets its own headlines. An edition of corrections alone has the sentence of its
    first one; so has a digest without articles, unless one is written.
    """
    notes = [shortened(one_line(each.note or ""), LONGEST_SENTENCE) for each in corrections]
    if not headlines:
        return tuple(Segment(text) for text in [one_line(written) or next(iter(notes), "")])
    second, others = (When.SECOND, When.THIRD_OR_FOURTH) if written else (When.ANY_SECOND, When.ANY_THIRD_OR_FOURTH)
    segments = [Segment(one_line(written), When.WITH_LEAD)] if written else []
    for position, headline in enumerate(headlines):
        short = short_headline(headline)
        segments.append(Segment(short, second, position))
        segments.append(Segment(f" · {short}", others, position))
    return (*segments, *(Segment(note, When.FIRST_CORRECTION, number) for number, note in enumerate(notes)))


def short_headline(headline: str) -> str:
    """A headline where it stands among others: on one line, and cut at LONGEST_HEADLINE."""
    return shortened(one_line(headline), LONGEST_HEADLINE)
