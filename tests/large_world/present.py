"""The present of the service: a digest that was sent, one being sent, one scheduled, a draft, and drafts of stories.

The service's own functions make all of it but the answers of a provider.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session, joinedload

from newsletter.articles.drafts import saving
from newsletter.articles.drafts.content import content_of_revision
from newsletter.articles.models import Revision
from newsletter.core import clock
from newsletter.core.actors import OPERATOR, WORKER
from newsletter.core.cadence import Cadence
from newsletter.core.config import Settings
from newsletter.core.db import Database, table_of
from newsletter.delivery.freezing import freeze
from newsletter.delivery.ledger import packing, recovery
from newsletter.delivery.ledger.models import Batch, BatchState, Refusal
from newsletter.delivery.letters import going_out
from newsletter.digests import composing, scheduling
from newsletter.digests.picked_articles import Rule
from newsletter.digests.queries import get_digest
from newsletter.mail.outcomes import ACCEPTED, REFUSED
from newsletter.public_record import monthly_figures, tallies
from newsletter.staff import factors, people
from newsletter.staff.rights import Role
from tests.large_world.archive import OF_DIGEST, correct, today

REASONS = (
    "550 5.1.1 <{0}>: no such user",
    "552 5.2.2 mailbox of {0} is full",
    "550 5.7.1 refused by policy, see id {0}",
    "451 4.7.1 try again later, id {0}",
)
STORY_DRAFTS = 40
CORRECTED_SINCE = 3
"""Stories of the digest that was sent, corrected since the next one began to go out."""


class Present(NamedTuple):
    """The numbers of four digests and of a draft of a story, and the slug of a story that has no draft."""

    sent: int
    sending: int
    scheduled: int
    draft: int
    story_draft: int
    slug: str


def fill_present(db: Database, settings: Settings) -> Present:
    """Fill it, for readers and stories that are there."""
    now = clock.now()
    with clock.set_to(now - timedelta(days=7)):
        sent = _freeze(db, settings, since=today() - timedelta(days=6))
        _answer(db, sent, share=1)
        _refuse_some(db, sent)
        with db.transaction() as session:
            recovery.close_finished(session, by=WORKER)
            going_out.list_letters(session, going_out.accepted_and_unlisted(session), settings.timezone)
    with clock.set_to(now - timedelta(minutes=1)):
        sending = _freeze(db, settings, since=today() - timedelta(days=6))
        _answer(db, sending, share=0.5)
    with db.reading() as session:
        held = [item.revision.article_id for item in get_digest(session, sent).items]
    correct(db, held[:CORRECTED_SINCE], now)
    with db.transaction() as session:
        for number in (sent, sending):
            tallies.tally_digest(session, settings, number)
        monthly_figures.count_months(session, settings.timezone)
        scheduled = _compose(session, Cadence.DAILY, 4, today() - timedelta(days=2))
        scheduling.schedule_digest(session, settings, scheduled, now + timedelta(hours=9), by=OPERATOR)
        draft = _compose(session, Cadence.WEEKLY, OF_DIGEST, today() - timedelta(days=6))
        return Present(sent, sending, scheduled, draft, *_draft_stories(session))


def _compose(session: Session, cadence: Cadence, limit: int, since: date) -> int:
    digest = composing.compose_draft(session, Rule(cadence, since=since, limit=limit, order="trust"))
    return digest.id


def _freeze(db: Database, settings: Settings, *, since: date) -> int:
    """The number of a weekly digest that goes out now."""
    with db.transaction() as session:
        number = _compose(session, Cadence.WEEKLY, OF_DIGEST, since)
        scheduling.send_now(session, settings, number, by=OPERATOR)
    assert freeze.freeze_digest(db, settings, number), "the preflight refuses it"
    return number


def _answer(db: Database, number: int, *, share: float) -> None:
    """Have a provider accept so much of a digest; of what is left one batch is in doubt."""
    with db.transaction() as session:
        batches = select(Batch.id, Batch.outcomes).where(Batch.digest_id == number, Batch.state == BatchState.READY)
        rows = session.execute(batches.order_by(Batch.id)).all()
        taken = round(len(rows) * share)
        changes: list[dict[str, object]] = [
            {
                "id": batch,
                "state": BatchState.DONE if place < taken else BatchState.IN_DOUBT,
                "outcomes": outcomes.replace(b"w", b"a" if place < taken else b"?"),
                "attempted_at": clock.now(),
                "attempt": 1,
            }
            for place, (batch, outcomes) in enumerate(rows[: taken + 1])
        ]
        session.execute(update(Batch), changes)


def _refuse_some(db: Database, number: int) -> None:
    """Have the provider refuse the first reader of each two hundred, for a few reasons."""
    with db.transaction() as session:
        batches = session.execute(
            select(Batch.id, Batch.recipients, Batch.outcomes).where(
                Batch.digest_id == number, Batch.state == BatchState.DONE
            )
        )
        refusals: list[dict[str, object]] = []
        changes: list[dict[str, object]] = []
        for batch, recipients, outcomes in batches.all():
            found = bytearray(outcomes)
            for place in range(0, len(found), 200):
                if found[place] != ACCEPTED:
                    continue
                found[place] = REFUSED
                reader = packing.unpack_ids(recipients)[place]
                reason = REASONS[reader % len(REASONS)].format(reader)
                refusals.append(
                    {"digest_id": number, "subscriber_id": reader, "reason": reason, "temporary": reason[0] == "4"}
                )
            changes.append({"id": batch, "outcomes": bytes(found)})
        session.execute(update(Batch), changes)
        session.execute(insert(table_of(Refusal)), refusals)


def _draft_stories(session: Session) -> tuple[int, str]:
    """Drafts of changes to the newest stories; the number of one, and the slug of a story without a draft."""
    member = people.add_member(session, "noor@dispatch.example", Role.EDITOR, by=OPERATOR)
    factors.begin_set_up(session, member, "Noor Haddad")
    query = select(Revision).where(Revision.is_current).options(joinedload(Revision.article))
    newest = session.scalars(query.order_by(Revision.date.desc(), Revision.article_id).limit(STORY_DRAFTS + 1)).all()
    drafts = [
        saving.begin_draft(session, content_of_revision(each), by=member.id, key=each.slug, slug=each.slug)
        for each in newest[1:]
    ]
    return drafts[-1].id, newest[0].slug
