"""The search in digests that went out: by the subject, and by titles, deks and notes of what they hold, as they were
sent."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from newsletter.core.search import Place, SearchIndex, label, words_of
from newsletter.digests.models import Digest

INDEX = SearchIndex("digest_search", "digest_id")
"""Labels are the sections of the articles. The number of a place is the digest's."""


def place_of(digest: Digest, zone: ZoneInfo) -> Place:
    """The place of a digest in the index: by the day in the publication's zone for which it was scheduled."""
    assert digest.scheduled_at is not None
    return Place(digest.scheduled_at.astimezone(zone).date(), digest.id)


def put_entry(session: Session, digest: Digest, zone: ZoneInfo) -> None:
    """Let a digest be found, in the transaction that makes it public. A sent digest does not change any more."""
    place = place_of(digest, zone)
    INDEX.remove(session, place)
    shown = [*digest.revisions, *digest.corrections]
    sections = dict.fromkeys(label(revision.section) for revision in shown)
    texts = [text for revision in shown for text in (revision.title, revision.dek, revision.note or "")]
    texts += [item.own_dek for item in digest.items]
    INDEX.put(session, place, [*sections, *words_of(digest.subject, digest.preheader, *texts)])
