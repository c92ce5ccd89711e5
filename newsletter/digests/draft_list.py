"""The drafts of digests as lists show them, the newest first."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletter.core.actors import ActorKind
from newsletter.core.cadence import Cadence
from newsletter.digests.models import Digest, DigestArticle, DigestChange, DigestStatus


class DraftDigest(NamedTuple):
    """A draft, and its last change."""

    id: int
    cadence: Cadence
    subject: str
    created_at: datetime
    scheduled_at: datetime | None
    stories: int
    changed_at: datetime
    """When it was made, as long as nobody changed it."""
    by_kind: ActorKind | None
    by_id: int | None
    """The person who changed it last."""


def newest_drafts(session: Session, limit: int) -> list[DraftDigest]:
    """The drafts that were begun last, in one query."""
    stories = select(func.count()).where(DigestArticle.digest_id == Digest.id).correlate(Digest).scalar_subquery()
    newest = select(func.max(DigestChange.id)).where(DigestChange.digest_id == Digest.id).correlate(Digest)
    change = DigestChange
    rows = session.execute(
        select(Digest.id, Digest.cadence, Digest.subject, Digest.created_at, Digest.scheduled_at, stories)
        .add_columns(change.made_at, change.by_kind, change.by_id, change.undone_at, change.undone_by_kind)
        .add_columns(change.undone_by_id)
        .outerjoin(change, change.id == newest.scalar_subquery())
        .where(Digest.status == DigestStatus.DRAFT)
        .order_by(Digest.id.desc())
        .limit(limit)
    )
    found = []
    for *digest, made_at, kind, number, undone_at, undone_kind, undone_number in rows:
        last = (undone_at, undone_kind, undone_number) if undone_at else (made_at or digest[3], kind, number)
        found.append(DraftDigest._make((*digest, *last)))
    return found
