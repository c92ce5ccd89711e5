"""The subjects of a digest: each edition has its own, and it is the written one only where the edition has the lead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.articles.models import Revision
from newsletter.core.config import Settings
from newsletter.core.ids import DigestId
from newsletter.delivery.freezing.mask_counts import count_by_mask
from newsletter.delivery.ledger.models import Batch, Edition, RenderedDigestRow
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
class CorrectionCount:
    """The readers whom a digest tells of a correction."""

    revision_id: int
    slug: str
    title: str
    note: str
    serious: bool
    readers: int


@dataclass(frozen=True)
class SubjectCounts:
    """The readers of a digest by the subject that they get: those of its batches, or before the freeze of today."""

    subjects: tuple[SubjectCount, ...]
    """The written one first, then the commonest."""
    with_lead: int
    """Readers whose edition has the lead."""
    without_article: int
    """Readers whose preferences leave no article, and who are told of no correction: they get no mail."""
    corrections_alone: int = 0
    """Readers whose edition holds corrections alone."""
    corrections: tuple[CorrectionCount, ...] = ()
    """In the order of the mail. Before the freeze the size of the mail may still leave some to the next digest."""

    @property
    def mailed(self) -> int:
        """Readers whose edition holds something."""
        return sum(each.readers for each in self.subjects)


def count_subjects(session: Session, settings: Settings, digest: Digest) -> SubjectCounts:
    """Count the readers of each subject of a digest."""
    corrections: Sequence[Revision]
    if digest.frozen_at:
        corrections, editions = digest.corrections, list(_frozen_editions(session, digest))
    else:
        corrections, editions = _draft_editions(session, settings, digest)
    articles, lead = len(digest.items), digest.lead_position
    subjects: Counter[str] = Counter()
    for each in editions:
        if each.mask:
            subjects[each.subject] += each.readers
    written = one_line(digest.subject)
    counts = [SubjectCount(subject, subject == written, readers) for subject, readers in subjects.items()]
    counts.sort(key=lambda each: (not each.is_written, -each.readers, each.subject))
    return SubjectCounts(
        tuple(counts),
        with_lead=_readers_with(editions, lead),
        without_article=sum(each.readers for each in editions if not each.mask),
        corrections_alone=sum(each.readers for each in editions if each.mask and not each.mask & (1 << articles) - 1),
        corrections=tuple(
            CorrectionCount(
                revision.id,
                revision.slug,
                revision.title,
                revision.note or "",
                revision.serious,
                _readers_with(editions, articles + number),
            )
            for number, revision in enumerate(corrections)
        ),
    )


def edition_subject(session: Session, digest_id: DigestId, mask: int, language: str) -> str | None:
    """The subject that an edition was frozen with; None for one without an article."""
    return _rendered(session, digest_id, language).subject_of(mask) if mask else None


class _Edition(NamedTuple):
    mask: int
    subject: str
    """Empty for one that holds nothing."""
    readers: int


def _draft_editions(session: Session, settings: Settings, digest: Digest) -> tuple[Sequence[Revision], list[_Edition]]:
    """The corrections and the editions that a freeze would make now."""
    counted = count_by_mask(session, settings, digest)
    lead, headlines = digest.lead_position, [revision.title for revision in digest.revisions]
    segments = subject_segments(digest.subject, digest.cadence, headlines, lead, counted.corrections)
    return counted.corrections, [
        _Edition(mask, assemble(segments, mask, lead, len(headlines)) if mask else "", readers)
        for mask, readers in counted.masks.items()
    ]


def _frozen_editions(session: Session, digest: Digest) -> Iterator[_Edition]:
    """The editions of the batches, each as often as there are languages."""
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
        yield _Edition(mask, rendered[language].subject_of(mask) if mask else "", count)


def _rendered(session: Session, digest_id: DigestId, language: str) -> RenderedDigest:
    query = select(RenderedDigestRow.content).where(
        RenderedDigestRow.digest_id == digest_id, RenderedDigestRow.language == language
    )
    return RenderedDigest.from_json(session.scalars(query).one())


def _readers_with(editions: Collection[_Edition], bit: int | None) -> int:
    """The readers whose edition holds what the bit stands for."""
    return 0 if bit is None else sum(each.readers for each in editions if each.mask >> bit & 1)
