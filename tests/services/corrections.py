"""Corrections in tests: making them, sending digests, and looking for them in the mails that readers got."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import select, update

from newsletter.articles import revising
from newsletter.articles.changes import Change
from newsletter.articles.models import RevisionKind
from newsletter.core.actors import OPERATOR
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.delivery.freezing import freeze
from newsletter.delivery.ledger import claims
from newsletter.delivery.ledger.outcome_bytes import Outcomes
from newsletter.delivery.sending.message_cache import MessageCache
from newsletter.digests import scheduling
from newsletter.mail.message import Message
from newsletter.mail.outcomes import ACCEPTED, REFUSED
from newsletter.subscribers.files.imported_readers import ImportedReader, import_rows
from newsletter.subscribers.models import Subscriber
from newsletter.subscribers.preferences import Preferences

Mails = Mapping[int, Message]
"""The mail of a digest by its reader's number: of those whom it may have reached."""


def add_readers(db: Database, *preferences: Preferences) -> list[int]:
    """An active reader with each of these preferences; their numbers."""
    with db.transaction() as session:
        known = set(session.scalars(select(Subscriber.id)))
        last = max(known, default=0)
        rows = [ImportedReader(f"r{last + n}@readers.example", each) for n, each in enumerate(preferences)]
        import_rows(session, rows)
        return sorted(set(session.scalars(select(Subscriber.id))) - known)


def change_reader(db: Database, reader: int, **values: object) -> None:
    with db.transaction() as session:
        session.execute(update(Subscriber).where(Subscriber.id == reader).values(values))


def correct(db: Database, slug: str, note: str, *, serious: bool = False) -> None:
    """Correct a story, so that `note` stands in no other part of a mail."""
    with db.transaction() as session:
        change = Change(RevisionKind.CORRECTION, note, serious=serious)
        assert revising.revise(session, slug, {"written_by": f"The author of “{note[:60]}”"[::-1]}, change)


def send(
    db: Database, settings: Settings, digest_id: int, outcome: Callable[[int], int] = lambda reader: ACCEPTED
) -> Mails:
    """Send a draft, and record the outcome of each reader's mail."""
    with db.transaction() as session:
        scheduling.send_now(session, settings, digest_id, by=OPERATOR)
    assert freeze.freeze_digest(db, settings, digest_id)
    return drain(db, settings, outcome)


def drain(db: Database, settings: Settings, outcome: Callable[[int], int] = lambda reader: ACCEPTED) -> Mails:
    """Record the outcome of each mail that waits."""
    mails, messages = dict[int, Message](), MessageCache(settings)
    with db.transaction() as session:
        while (claim := claims.claim_batch(session)) is not None:
            outcomes = Outcomes(claim.outcomes)
            message = messages.message(session, claim.digest_id, claim.edition)
            for position in outcomes.open_positions():
                reader = claim.ids[position]
                outcomes.record(position, outcome(reader))
                if outcomes[position] != REFUSED:
                    mails[reader] = message
            assert claims.mark_sending(session, claim, outcomes, seconds=60)
            assert claims.finish_batch(session, claim, outcomes)
    return mails


def words_of(message: Message) -> str:
    """The words of the text part, on one line."""
    return " ".join(message.text.split())


def told(mails: Mails, note: str) -> set[int]:
    """The readers whose mail has a correction's sentence, in each of its parts."""
    for message in mails.values():
        assert not message.html or (note in message.html) == (note in words_of(message))
    return {reader for reader, message in mails.items() if note in words_of(message)}
