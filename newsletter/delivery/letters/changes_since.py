"""Changes since a letter was sent: corrections and withdrawals of its stories, and scores that are others now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypeAlias
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, aliased, load_only

from newsletter.articles.models import CORRECTING, Revision, RevisionKind, published_on
from newsletter.digests.models import DigestArticle


@dataclass(frozen=True)
class LaterCorrection:
    """A correction or a withdrawal that was published after the revision that was sent."""

    number: int
    """Of its revision."""
    at: datetime
    day: date
    note: str
    """The sentence for readers."""
    language: str
    is_withdrawal: bool


@dataclass
class ArticleSince:
    """The changes of a story since it was sent."""

    corrections: list[LaterCorrection] = field(default_factory=list)
    """Oldest first."""
    trust: int | None = None
    """The score as it is now, where it is another."""
    is_withdrawn: bool = False
    """Whether it does not stand now; an update may have brought it back."""


LetterSince: TypeAlias = "Mapping[int, ArticleSince]"
"""The changes of a letter's stories by position; a story without any is not there."""

_NOTHING: LetterSince = {}

_SHOWN = (
    *(Revision.number, Revision.kind, Revision.note, Revision.published_at, Revision.published_at_basis),
    *(Revision.language, Revision.trust, Revision.is_current),
)


def changes_since(session: Session, digest_ids: Collection[int], zone: ZoneInfo) -> Mapping[int, LetterSince]:
    """The changes of the stories of each of these digests, by digest, in one query; days are those of `zone`."""
    sent = aliased(Revision)
    rows = session.execute(
        select(DigestArticle.digest_id, DigestArticle.position, sent.trust, Revision)
        .join(sent, sent.id == DigestArticle.revision_id)
        .join(Revision, (Revision.article_id == sent.article_id) & (Revision.number > sent.number))
        .where(DigestArticle.digest_id.in_(digest_ids), or_(Revision.kind.in_(CORRECTING), Revision.is_current))
        .order_by(Revision.number)
        .options(load_only(*_SHOWN))
    )
    found: dict[int, dict[int, ArticleSince]] = defaultdict(lambda: defaultdict(ArticleSince))
    for digest_id, position, sent_trust, later in rows:
        if later.kind in CORRECTING:
            found[digest_id][position].corrections.append(_correction(later, zone))
        if later.is_current:
            story = found[digest_id][position]
            story.trust = later.trust if later.trust != sent_trust else None
            story.is_withdrawn = later.kind == RevisionKind.WITHDRAWAL
    return {digest_id: found.get(digest_id, _NOTHING) for digest_id in digest_ids}


def corrected_days(since: LetterSince) -> tuple[int, date | None]:
    """The number of a letter's stories that were corrected or withdrawn, and the day of the last time."""
    days = [[each.day for each in story.corrections] for story in since.values() if story.corrections]
    return len(days), max((max(each) for each in days), default=None)


def _correction(revision: Revision, zone: ZoneInfo) -> LaterCorrection:
    return LaterCorrection(
        number=revision.number,
        at=revision.published_at,
        day=published_on(revision, zone),
        note=revision.note or "",
        language=revision.language,
        is_withdrawal=revision.kind == RevisionKind.WITHDRAWAL,
    )
