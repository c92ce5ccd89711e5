"""The preflight with what only the readers' choices tell: stories that nobody would get."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator

from sqlalchemy import Text, cast, select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.delivery.freezing.audience import is_reader
from newsletter.digests.findings import Finding
from newsletter.digests.models import Digest
from newsletter.digests.preflight import check_digest
from newsletter.subscribers.models import Subscriber, SubscriberStatus


def check_all(session: Session, settings: Settings, digest: Digest) -> list[Finding]:
    """All findings on a digest, as an editor sees them. No finding that is added here blocks."""
    return [*check_digest(session, settings, digest), *check_sections(session, settings, digest)]


def check_sections(session: Session, settings: Settings, digest: Digest) -> Iterator[Finding]:
    """Stories whose section no reader of the digest's cadence takes.

    As a rule a single row settles it: a reader who takes all sections. Else the database gives the different choices.
    """
    if not digest.items:
        return
    begins = max(digest.scheduled_at or clock.now(), clock.now())
    readers = (Subscriber.status == SubscriberStatus.ACTIVE, *is_reader(settings, digest.cadence, begins))
    if session.scalar(select(Subscriber.id).where(*readers, Subscriber.sections.is_(None)).limit(1)):
        return
    rows = session.scalars(select(cast(Subscriber.sections, Text)).where(*readers).distinct())
    taken = {section for row in rows if row for section in json.loads(row)}
    yield from unread_sections(digest, taken)


def unread_sections(digest: Digest, taken: Collection[str]) -> Iterator[Finding]:
    """Stories whose section is none of those that any reader takes; without such sections there are no readers."""
    if not taken:  # the counts say it
        return
    for revision in digest.revisions:
        if revision.section not in taken:
            yield Finding("article.section_unread", "articles",
                          "“%(title)s” is from the section %(section)s, which no reader of this cadence takes.",
                          "Drop it, or give the story the section that it belongs to.",
                          {"slug": revision.slug, "title": revision.title, "section": revision.section},
                          blocks=False)  # fmt: skip
