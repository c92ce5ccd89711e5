"""Things to test with, made through the rooms' own doors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.articles import importing, page
from newsletter.core import clock
from newsletter.core.actors import OPERATOR, WORKER
from newsletter.core.cadence import Cadence
from newsletter.core.config import HYPE_LABELS, Settings
from newsletter.core.db import Database
from newsletter.core.languages import ENGLISH
from newsletter.core.queue import Queues
from newsletter.delivery.freezing import freeze
from newsletter.delivery.ledger import claims, recovery
from newsletter.delivery.ledger.models import RenderedDigestRow, digest_key
from newsletter.delivery.ledger.outcome_bytes import Outcomes
from newsletter.delivery.letters import going_out
from newsletter.delivery.reports.status import DigestState, digest_status
from newsletter.digests import composing, scheduling
from newsletter.digests.models import MOST_ARTICLES
from newsletter.digests.picked_articles import Rule
from newsletter.mail import outgoing_composing, outgoing_mails
from newsletter.mail.message import Message, Recipient
from newsletter.mail.models import OutgoingMail
from newsletter.operations.mail_registry import MAIL_TYPES
from newsletter.subscribers import salts
from newsletter.subscribers.files import imported_readers as readers
from newsletter.subscribers.files.imported_readers import ImportedReader
from newsletter.subscribers.mailbox_pauses import MailboxPauses
from newsletter.subscribers.preferences import Preferences
from newsletter.subscribers.signup import process_signups, requests
from newsletter.web.forms import form_tokens

SAMPLES = Path(importing.__file__).parents[1] / "embedded" / "samples"
REAL_ARTICLE = SAMPLES / "01-musk-testifies-xai-used-model-distillation.txt"


def add_article(db: Database, title: str, *, section: str = "Policy", trust: int = 69, hype: str = "Some hype") -> str:
    """An article like the real one, with another title, section, trust score and hype label, and with addresses of its
    sources; its slug."""
    real = page.parse_page(REAL_ARTICLE.read_bytes(), HYPE_LABELS)
    sources = tuple(replace(source, url="https://sources.example/story") for source in real.sources)
    with db.transaction() as session:
        day = date(2026, 5, 2)
        changed = replace(real, title=title, section=section, trust=trust, hype=hype, date=day, sources=sources)
        return importing.import_page(session, changed).slug


def add_readers(
    db: Database, count: int, *, start: int = 1, sections: Sequence[str] | None = None, min_trust: int = 0
) -> None:
    """Active weekly readers r1@readers.example, r2@…"""
    preferences = Preferences("weekly", tuple(sections) if sections else None, min_trust)
    with db.transaction() as session:
        rows = (ImportedReader(f"r{number}@readers.example", preferences) for number in range(start, start + count))
        readers.import_rows(session, rows)


def request_signup(
    session: Session, address: str, preferences: Preferences | None = None, *, page: str = "/", rank: int = 1
) -> None:
    """Keep that somebody signed the address up, in the session's transaction."""
    wording = requests.agreement_text("Dispatch")
    row = requests.signup_row(address, preferences or Preferences(), page=page, wording=wording, rank=rank)
    session.connection().execute(requests.INSERT, row)


def sign_up(session: Session, settings: Settings, address: str, preferences: Preferences | None = None) -> int | None:
    """Sign an address up and decide on it at once; the id of the mail that comes of it."""
    request_signup(session, address, preferences)
    before = set(session.scalars(select(OutgoingMail.id)))
    assert process_signups.process_addresses(session, settings.suppression_key, no_pauses(), 1) == 1
    return next((number for number in session.scalars(select(OutgoingMail.id)) if number not in before), None)


def no_pauses() -> MailboxPauses:
    """Mailboxes without pauses, as while Redis is away."""
    return MailboxPauses(Queues("unix:///nowhere/valkey.sock").redis, b"salt")


def form_token(page: str = "/subscribe", *, language: str = ENGLISH, age: timedelta = timedelta(seconds=10)) -> str:
    """The token of a sign-up form that was opened so long ago (inside the application's context)."""
    with clock.set_to(clock.now() - age):
        return form_tokens.issue_form_token(page, language)


def decide_all(db: Database, settings: Settings) -> list[int]:
    """Decide on the sign-ups that wait, in their turn; the ids of the mails that came of them."""
    pauses = MailboxPauses(Queues(settings.redis_url).redis, salts.present_salt(db))
    with db.transaction() as session:
        before = set(session.scalars(select(OutgoingMail.id)))
        while process_signups.process_addresses(session, settings.suppression_key, pauses, 50):
            pass
        return sorted(set(session.scalars(select(OutgoingMail.id))) - before)


def compose_mail(session: Session, settings: Settings, row: OutgoingMail) -> tuple[Message, Recipient] | None:
    """The mail of a row as its reader gets it, with the token in its place."""
    (composed,) = outgoing_composing.compose_rows(session, settings, MAIL_TYPES, [row])
    if isinstance(composed, Exception):
        raise composed
    if composed is None:
        return None
    message, recipient = composed
    if not message.placeholder:
        return composed
    text, html = (part.replace(message.placeholder, recipient.token) for part in (message.text, message.html))
    return replace(message, text=text, html=html, placeholder=""), recipient


def due_mails(db: Database) -> list[int]:
    """The ids of the mails that a worker may send now."""
    with db.reading() as session:
        return list(session.scalars(outgoing_mails._DUE, {"now": clock.now()}))


def add_digest(db: Database, *, subject: str | None = None, cadence: Cadence = Cadence.WEEKLY) -> int:
    """A draft of all articles; its number."""
    with db.transaction() as session:
        rule = Rule(cadence, since=date(2026, 1, 1), limit=MOST_ARTICLES)
        return composing.compose_draft(session, rule, subject=subject).id


def schedule_now(db: Database, settings: Settings, cadence: Cadence = Cadence.WEEKLY) -> int:
    """A digest of all articles, scheduled for now: the next tick freezes it."""
    digest_id = add_digest(db, cadence=cadence)
    with db.transaction() as session:
        scheduling.send_now(session, settings, digest_id, by=OPERATOR)
    return digest_id


def send_digest(db: Database, settings: Settings, cadence: Cadence = Cadence.WEEKLY) -> int:
    """A digest of all articles, scheduled for now and frozen: its batches are ready."""
    digest_id = schedule_now(db, settings, cadence)
    assert freeze.freeze_digest(db, settings, digest_id)
    return digest_id


def hand_over(db: Database, settings: Settings) -> int:
    """A digest of all articles that the provider has taken whole, at the first attempt; its number."""
    digest_id = send_digest(db, settings)
    with db.transaction() as session:
        while (claim := claims.claim_batch(session)) is not None:
            outcomes = Outcomes(claim.outcomes)
            outcomes.accept_open(range(len(outcomes)))
            assert claims.mark_sending(session, claim, outcomes, seconds=60)
            assert claims.finish_batch(session, claim, outcomes)
        assert recovery.close_finished(session, by=WORKER) == [digest_id]
        going_out.list_letters(session, going_out.accepted_and_unlisted(session), settings.timezone)
    return digest_id


def state_of(db: Database, digest_id: int) -> DigestState:
    """Where a digest stands, and its figures."""
    with db.reading() as session:
        return digest_status(session, digest_id)


def letter_of(db: Database) -> str:
    """The mark by which events name the one letter that is there."""
    with db.reading() as session:
        return digest_key(session.scalars(select(RenderedDigestRow.id_salt)).one())
