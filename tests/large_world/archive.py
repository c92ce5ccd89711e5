"""The years behind the service: stories with their words in the search, corrections, and the digests that had them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import insert, literal, select, update

from newsletter.articles.models import Revision, RevisionKind
from newsletter.core import clock
from newsletter.core.actors import ActorKind
from newsletter.core.cadence import Cadence
from newsletter.core.db import Database, table_of
from newsletter.digests.letter_names import letter_name
from newsletter.digests.models import Digest, DigestArticle, DigestStatus
from newsletter.public_record.models import DigestTally
from newsletter.staff.audit import AuditAction
from newsletter.staff.models import AuditEntry
from tests.bench.public_pages import words
from tests.filling import bring_up_to_date, fill_archive, fill_search

A_DAY = 10
"""Stories."""
OF_DIGEST = 15
LEAST_DIGESTS = 60
"""So that pages of lists are full."""
CORRECTED, LEAST_CORRECTED = 50, 40
"""One story of so many has been corrected, but of a few stories so many, as for LEAST_DIGESTS."""

ACTIONS = (
    AuditAction.SIGNED_IN_WITH_PASSKEY,
    AuditAction.SIGNED_OUT,
    AuditAction.DIGEST_SENT,
    AuditAction.DIGEST_PAUSED,
)


def fill_stories(db: Database, count: int) -> None:
    """Stories of the last days, A_DAY a day, the newest of today; some of them were corrected long ago."""
    fill_archive(db, count, a_day=A_DAY, revisions=1, newest=today())
    fill_search(db, count, words)
    one_of = min(CORRECTED, count // LEAST_CORRECTED)
    # Not those of two weeks: digests hold them, and some are corrected once more (`present`).
    corrected = [number for number in range(14 * A_DAY + 1, count + 1) if number % one_of == 0]
    correct(db, corrected, clock.now() - timedelta(days=200))


def correct(db: Database, article_ids: Sequence[int], moment: datetime) -> None:
    """Publish a correction of each of these articles, as at a moment."""
    table = table_of(Revision)
    correction: dict[str, Any] = {
        "number": 2,
        "is_current": True,
        "kind": RevisionKind.CORRECTION,
        "was_corrected": True,
        "note": "It was 38, not 40.",
        "published_at": moment,
        "created_at": moment,
    }
    same = [column for column in table.c if column.name not in ("id", *correction)]
    changed = [literal(value, table.c[name].type).label(name) for name, value in correction.items()]
    of_these = table.c.article_id.in_(article_ids)
    with db.transaction() as session:
        session.execute(update(table).where(of_these).values(is_current=False))
        copied = select(*same, *changed).where(of_these, table.c.number == 1)
        session.execute(insert(table).from_select([*(each.name for each in same), *correction], copied))


def fill_digests(db: Database, stories: int) -> None:
    """A weekly digest for each full week of stories but the last two, LEAST_DIGESTS at least, sent long ago; their
    batches are gone. Each second story was in one."""
    weeks = range(2, max(stories // (7 * A_DAY), LEAST_DIGESTS))
    with db.transaction() as session:
        digests = [_sent_digest(number, week) for number, week in enumerate(reversed(weeks), 1)]
        session.execute(insert(table_of(Digest)), digests)
        session.execute(insert(table_of(DigestTally)), [_tally(digest) for digest in digests])
        first = select(Revision.article_id, Revision.id).where(Revision.number == 1)
        revisions = dict(iter(session.execute(first)))
        held = []
        for number, week in enumerate(reversed(weeks), 1):
            for place in range(OF_DIGEST):
                article = 1 + (week * 7 * A_DAY + 4 * place) % (stories - stories % 2)
                values = {"revision_id": revisions[article], "article_id": article}
                held.append({"digest_id": number, "position": place, **values})
        session.execute(insert(table_of(DigestArticle)), held)
    bring_up_to_date(db)


def _sent_digest(number: int, week: int) -> dict[str, Any]:
    sent_at = datetime.combine(today() - timedelta(weeks=week), time(7), UTC)
    return {
        "id": number,
        "cadence": Cadence.WEEKLY,
        "status": DigestStatus.SENT,
        "subject": f"The letter of week {week}",
        "scheduled_at": sent_at,
        "frozen_at": sent_at,
        "sent_at": sent_at + timedelta(hours=1),
        "letter_since": sent_at,
        "letter_name": letter_name(sent_at.date(), Cadence.WEEKLY),
        "preheader": "",
        "intro": "",
        "provider_schedule": False,
    }


def _tally(digest: dict[str, Any]) -> dict[str, Any]:
    zeros = dict.fromkeys(("in_doubt", "requests", "tracking_off", "tracking_not_offered", "edition_readers"), 0)
    return {"digest_id": digest["id"], "day": digest["sent_at"].date(), "recipients": 1000, "accepted": 990, **zeros}


def fill_audit_log(db: Database, count: int) -> None:
    """Entries of a year."""
    now = clock.now()
    rows = [
        {
            "happened_at": now - timedelta(days=365) * (count - n) / count,
            "actor_kind": ActorKind.OPERATOR,
            "action": ACTIONS[n % len(ACTIONS)],
            "object_kind": "digest",
            "object_id": 1,
            "details": {},
        }
        for n in range(count)
    ]
    with db.transaction() as session:
        session.execute(insert(table_of(AuditEntry)), rows)


def today() -> date:
    """By the publication's clocks, which here are UTC."""
    return clock.now().date()
