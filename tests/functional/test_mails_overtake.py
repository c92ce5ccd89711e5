"""Mails that readers wait for do not wait for a digest, whatever its provider takes its time over."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.queue import Queues
from newsletter.delivery.ledger.models import Batch, BatchState
from newsletter.mail.models import OutgoingMail
from newsletter.subscribers.models import SignupRequest
from tests.factories import add_article, add_readers, request_signup, schedule_now
from tests.services import sendgrid_exchange as does
from tests.services.processes import RunningService, on_one_machine
from tests.services.sendgrid_standin import KEY, SendGridStandIn


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(on_one_machine(settings), mail_transport="sendgrid", sendgrid_api_key=KEY)


def test_a_confirmation_goes_out_while_a_batch_is_not_answered(db: Database, settings: Settings) -> None:
    add_article(db, "A story")
    add_readers(db, 3)
    schedule_now(db, settings)
    with SendGridStandIn() as provider:
        provider.script(does.silent)
        with RunningService(replace(settings, sendgrid_host=provider.url), workers=1) as service:
            service.until(lambda: provider.asked == 1, "the digest's request")
            with db.transaction() as session:
                for number in range(3):
                    request_signup(session, f"new{number}@readers.example")
            Queues(settings.redis_url).enqueue_mails()

            def are_sent() -> bool:
                with db.reading() as session:
                    tables = (SignupRequest, OutgoingMail)
                    return not any(session.scalar(select(func.count()).select_from(table)) for table in tables)

            service.until(are_sent, "the confirmations")
            with db.reading() as session:
                assert session.scalars(select(Batch.state)).one() == BatchState.SENDING
    assert provider.asked == 2, "three mails of a kind are one request"
