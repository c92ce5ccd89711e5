"""The subjects of a digest: each edition has its own, and it is the written one only where the edition has the lead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.cadence import Cadence
from newsletter.core.config import Settings
from newsletter.core.ids import DigestId
from newsletter.delivery.freezing.audience import count_masks
from newsletter.delivery.ledger.models import Batch, Edition, RenderedDigestRow
from newsletter.delivery.reports.told import corrections_to_come
from newsletter.digests.headings import subject_segments
from newsletter.digests.models import Digest
from newsletter.digests.rendering import RenderedDigest
from newsletter.digests.segments import assemble
from newsletter.digests.text import one_line
from newsletter.mail.outcomes import MOVED


@dataclass(frozen=True)
class SubjectCount:
    """The readers who get a subject."""

    subject: str
    is_written: bool
    """Whether an editor wrote it for this digest; otherwise it is an edition's own first headline."""
    readers: int


@dataclass(frozen=True)
class SubjectCounts:
    """The readers of a digest by the subject that they get: those of its batches, or before the freeze of today."""

    subjects: tuple[SubjectCount, ...]
    """The written one first, then the commonest."""
    with_lead: int
    """Readers whose edition has the lead."""
    without_article: int
    """Readers whose preferences leave no article: they get no mail."""

    @property
    def mailed(self) -> int:
        """Readers whose edition has an article."""
        return sum(each.readers for each in self.subjects)


def count_subjects(session: Session, settings: Settings, digest: Digest) -> SubjectCounts:
    """Count the readers of each subject of a digest."""
    editions = _frozen_editions(session, digest) if digest.frozen_at else _draft_editions(session, settings, digest)
    subjects: Counter[str] = Counter()
    with_lead = without_article = 0
    for subject, has_lead, readers in editions:
        if subject is None:
            without_article += readers
        else:
            subjects[subject] += readers
            with_lead += readers * has_lead
    written = one_line(digest.subject)
    counts = [SubjectCount(subject, subject == written, readers) for subject, readers in subjects.items()]
    counts.sort(key=lambda each: (not each.is_written, -each.readers, each.subject))
    return SubjectCounts(tuple(counts), with_lead, without_article)


def edition_subject(session: Session, digest_id: DigestId, mask: int, language: str) -> str | None:
    """The subject that an edition was frozen with; None for one without an article."""
    return _rendered(session, digest_id, language).subject_of(mask) if mask else None


def _draft_editions(session: Session, settings: Settings, digest: Digest) -> Iterator[tuple[str | None, bool, int]]:
    """Subject, whether it has the lead, and readers of each edition that a freeze would make now."""
    if digest.cadence == Cadence.CORRECTION:
        yield from (
            (one_line(digest.subject), False, each.readers) for each in corrections_to_come(session, settings, digest)
        )
        return
    lead, headlines = digest.lead_position, [revision.title for revision in digest.revisions]
    segments = subject_segments(digest.subject, digest.cadence, headlines, lead)
    begins = max(digest.scheduled_at or clock.now(), clock.now())
    for mask, readers in count_masks(session, settings, digest.cadence, digest.revisions, begins=begins).items():
        yield assemble(segments, mask, lead, len(headlines)) if mask else None, _holds(mask, lead), readers


def _frozen_editions(session: Session, digest: Digest) -> Iterator[tuple[str | None, bool, int]]:
    """The same of each batch."""
    rows = session.execute(
        select(Edition.mask, Edition.language, Batch.outcomes)
        .join(Batch.edition)
        .where(Batch.digest_id == digest.id)
        .execution_options(yield_per=100)
    )
    readers: Counter[tuple[int, str]] = Counter()
    for mask, language, outcomes in rows:
        readers[mask, language] += len(outcomes) - outcomes.count(MOVED)
    rendered = {each: _rendered(session, DigestId(digest.id), each) for each in {language for _, language in readers}}
    for (mask, language), count in readers.items():
        of_language = rendered[language]
        yield of_language.subject_of(mask) if mask else None, _holds(mask, of_language.lead), count


def _rendered(session: Session, digest_id: DigestId, language: str) -> RenderedDigest:
    query = select(RenderedDigestRow.content).where(
        RenderedDigestRow.digest_id == digest_id, RenderedDigestRow.language == language
    )
    return RenderedDigest.from_json(session.scalars(query).one())


def _holds(mask: int, position: int | None) -> bool:
    return position is not None and bool(mask >> position & 1)
