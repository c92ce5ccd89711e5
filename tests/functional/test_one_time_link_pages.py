"""The pages that send a one-time link say what is sent, or why nothing is, whatever has become of a reader."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from newsletter.core import clock
from newsletter.core.db import Database
from newsletter.mail.models import OutgoingMail
from newsletter.subscribers.backoff import FIRST_PAUSE
from newsletter.subscribers.files.imported_readers import ImportedReader, import_rows
from newsletter.subscribers.models import LinkPurpose, Subscriber, SubscriberStatus
from newsletter.subscribers.suppression import suppressions

SENT = "to <strong>a•••@example.org</strong>. It works for 24 hours"
BOUNCED = "Our email to <strong>a•••@example.org</strong> came back, so we do not write to it any more."
COMPLAINED = "A letter to <strong>a•••@example.org</strong> was reported as spam, so we do not write to it any more."
NO_LETTER = "<strong>a•••@example.org</strong> is not subscribed, so there is no address to change."

SAYS = {
    (LinkPurpose.DATA, SubscriberStatus.ACTIVE): SENT,
    (LinkPurpose.DATA, SubscriberStatus.PENDING): SENT,
    (LinkPurpose.DATA, SubscriberStatus.UNSUBSCRIBED): SENT,
    (LinkPurpose.DATA, SubscriberStatus.BOUNCED): BOUNCED,
    (LinkPurpose.DATA, SubscriberStatus.COMPLAINED): COMPLAINED,
    (LinkPurpose.ADDRESS, SubscriberStatus.ACTIVE): SENT,
    (LinkPurpose.ADDRESS, SubscriberStatus.PENDING): NO_LETTER,
    (LinkPurpose.ADDRESS, SubscriberStatus.UNSUBSCRIBED): NO_LETTER,
    (LinkPurpose.ADDRESS, SubscriberStatus.BOUNCED): BOUNCED,
    (LinkPurpose.ADDRESS, SubscriberStatus.COMPLAINED): COMPLAINED,
}
"""The answer to the button, by purpose and status."""


def ada(db: Database, status: SubscriberStatus) -> str:
    """The token of a reader in that state."""
    with db.transaction() as session:
        import_rows(session, [ImportedReader("ada@example.org")])
        reader = session.scalars(select(Subscriber)).one()
        reader.status = status
        return reader.token


def mailed(db: Database) -> list[str]:
    with db.reading() as session:
        return [mail.payload["purpose"] for mail in session.scalars(select(OutgoingMail).order_by(OutgoingMail.id))]


@pytest.mark.parametrize(("kind", "status"), SAYS)
def test_a_page_says_which_link_is_sent(
    client: FlaskClient, db: Database, kind: LinkPurpose, status: SubscriberStatus
) -> None:
    path, says = f"/{kind}-link/{ada(db, status)}", SAYS[kind, status]
    page = client.get(path).text
    assert (f'action="{path}"' in page) == (says == SENT)
    assert SENT not in page
    assert says in page or says == SENT
    assert says in client.post(path).text
    assert mailed(db) == ([kind] if says == SENT else [])


@pytest.mark.parametrize("kind", LinkPurpose)
def test_a_second_request_gets_the_same_answer(client: FlaskClient, db: Database, kind: LinkPurpose) -> None:
    path = f"/{kind}-link/{ada(db, SubscriberStatus.ACTIVE)}"
    first, second = client.post(path), client.post(path)
    assert first.text == second.text
    assert mailed(db) == [kind]
    with clock.set_to(clock.now() + FIRST_PAUSE):
        client.post(path)
    assert mailed(db) == [kind, kind]


def test_the_two_links_do_not_hold_each_other_up(client: FlaskClient, db: Database) -> None:
    token = ada(db, SubscriberStatus.ACTIVE)
    for kind in LinkPurpose:
        client.post(f"/{kind}-link/{token}")
    assert mailed(db) == [*LinkPurpose]


@pytest.mark.parametrize(
    ("status", "way"),
    [
        (SubscriberStatus.BOUNCED, f"with this one again {suppressions.BOUNCE_BLOCKS_FOR.days} days after"),
        (SubscriberStatus.COMPLAINED, "If it was a mistake, write to"),
        (SubscriberStatus.UNSUBSCRIBED, "To get them, "),
        (SubscriberStatus.PENDING, "To get them, "),
    ],
)
def test_the_page_of_preferences_promises_no_sign_up_that_does_nothing(
    client: FlaskClient, db: Database, status: SubscriberStatus, way: str
) -> None:
    token = ada(db, status)
    page = client.get(f"/preferences/{token}").text
    assert "You are not subscribed" in page
    assert way in page
    assert ("To get them, " in page) == (status in (SubscriberStatus.UNSUBSCRIBED, SubscriberStatus.PENDING))
    assert client.post(f"/preferences/{token}", data={"cadence": "daily"}).status_code == 409
