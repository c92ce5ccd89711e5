"""SIGTERM in the middle of a request that is never answered: the work ends by itself, and the doubt is recorded."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.delivery.ledger.models import Batch, BatchState
from tests.factories import add_article, add_readers, schedule_now
from tests.services import sendgrid_exchange as does
from tests.services.patience import PATIENCE
from tests.services.processes import RunningService, on_one_machine
from tests.services.sendgrid_standin import KEY, SendGridStandIn


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(on_one_machine(settings), mail_transport="sendgrid", sendgrid_api_key=KEY)


def test_sigterm_ends_a_request_without_an_answer_as_a_doubt(db: Database, settings: Settings) -> None:
    add_article(db, "A story")
    add_readers(db, 3)
    schedule_now(db, settings)
    with SendGridStandIn() as provider:
        provider.script(does.silent)
        with RunningService(replace(settings, sendgrid_host=provider.url), workers=1) as service:
            service.until(lambda: provider.asked == 1, "the request")
            worker = service.supervisor.children[1].process
            worker.terminate()
            # A worker that had to be killed would show -9, and leave the batch as `sending` until its lease is over.
            assert worker.wait(PATIENCE) >= 0
            with db.reading() as session:
                batch = session.scalars(select(Batch)).one()
    assert (batch.state, batch.outcomes) == (BatchState.IN_DOUBT, b"???")
    assert batch.note == "SendGrid's answer was lost: no answer in time."
