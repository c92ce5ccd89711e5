"""Transactional mails follow their reader's preferences: the language, and plain text alone if chosen."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from newsletter.core.actors import READER
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.mail.message import Message
from newsletter.mail.models import OutgoingMail
from newsletter.operations.mail_registry import MAIL_TYPES
from newsletter.privacy import erasure
from newsletter.subscribers.account import address_change, change_mails, one_time_links
from newsletter.subscribers.models import AddressChange, LinkChange, LinkPurpose, Subscriber, SubscriberStatus
from newsletter.subscribers.preferences import Preferences
from tests.factories import compose_mail, no_pauses, sign_up

ADA = "ada@example.org"
ENGLISH = re.compile(r"\b(you|your|the|this|mail because|link opens|works for)\b", re.IGNORECASE)


NOT_TO_READERS = {"staff_link", "thank_you"}


def composed(db: Database, settings: Settings, preferences: Preferences) -> dict[str, Message]:
    """Every transactional mail that a reader can get, by its kind."""
    found: dict[str, Message] = {}

    def read() -> None:
        with db.transaction() as session:
            for row in session.scalars(select(OutgoingMail).order_by(OutgoingMail.id)).all():
                written = compose_mail(session, settings, row)
                assert written is not None, row.kind
                found[f"{row.kind} {row.payload.get('purpose', '')}".strip()] = written[0]
                session.delete(row)

    with db.transaction() as session:
        sign_up(session, settings, ADA, preferences)
    read()
    with db.transaction() as session:
        ada = session.scalars(select(Subscriber)).one()
        ada.status, ada.confirmation_sent_at = SubscriberStatus.ACTIVE, None
        session.flush()
        sign_up(session, settings, ADA)
        for kind in LinkPurpose:
            one_time_links.request_link(session, no_pauses(), ada, kind)
        for each in LinkChange:
            change_mails.tell_reader(session, ada, each)
        address_change.request_change(session, no_pauses(), ada, "ada@new.example")
    read()
    with db.transaction() as session:
        change = session.scalars(select(AddressChange)).one()
        address_change.change_address(session, settings, address_change.new_address_token(settings, change))
    read()
    with db.transaction() as session:
        reader = session.scalars(select(Subscriber)).one()
        erasure.erase_subscriber(session, settings.suppression_key, reader, by=READER)
    read()
    return found


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("text_only", [False, True])
def test_every_mail_follows_the_preferences(db: Database, settings: Settings, language: str, text_only: bool) -> None:
    found = composed(db, settings, Preferences(language=language, format="text" if text_only else "html"))
    assert {kind.split()[0] for kind in found} == set(MAIL_TYPES) - NOT_TO_READERS
    for kind, message in found.items():
        words = re.sub(r"<style.*?</style>|<[^>]*>|https?://\S+", " ", message.html + message.text, flags=re.DOTALL)
        assert bool(ENGLISH.search(message.subject + words)) == (language == "en"), kind
        assert bool(message.html) != text_only, kind
        assert text_only or f'<html lang="{language}"' in message.html
