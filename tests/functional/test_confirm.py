"""The confirmation link: GET shows, POST confirms, and nothing else does."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import select

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.tokens import ALPHABET, TokenSigner
from newsletter.subscribers.models import Subscriber, SubscriberStatus, SuppressionReason
from newsletter.subscribers.preferences import Preferences
from newsletter.subscribers.signup import confirmation_links
from newsletter.subscribers.suppression import suppressions
from tests import factories

ADA = "ada@example.org"


@pytest.fixture
def link(db: Database, settings: Settings) -> str:
    """The path of a confirmation link for a pending reader."""
    return sign_up(db, settings)


def sign_up(db: Database, settings: Settings) -> str:
    with db.transaction() as session:
        factories.sign_up(session, settings, ADA, Preferences("daily", ("Policy",), 70))
        reader = session.scalars(select(Subscriber)).one()
        return f"/confirm/{confirmation_links.confirmation_token(settings.signing_keys, reader)}"


def status(db: Database) -> str:
    with db.reading() as session:
        return session.scalars(select(Subscriber.status)).one()


def test_the_page_shows_a_button_and_changes_nothing(client: FlaskClient, db: Database, link: str) -> None:
    page = client.get(link)
    assert page.status_code == 200
    assert "a•••@example.org" in page.text
    assert ADA not in page.text
    assert "is subscribed to the daily letter" in page.text
    assert "It has stories from Policy. Its stories have a trust score of 70 or more." in page.text
    assert "<button>Yes, subscribe me</button>" in page.text
    client.head(link)
    client.options(link)
    assert status(db) == SubscriberStatus.PENDING


def test_the_button_confirms_and_a_repeat_is_fine(client: FlaskClient, db: Database, link: str) -> None:
    page = client.post(link)
    assert page.status_code == 200
    assert "is confirmed" in page.text
    with db.reading() as session:
        reader = session.scalars(select(Subscriber)).one()
        assert (reader.status, reader.unsubscribed_at) == (SubscriberStatus.ACTIVE, None)
        first = reader.confirmed_at
        assert first is not None
        assert f'href="/preferences/{reader.token}"' in page.text
    assert client.post(link).text == page.text
    assert "is confirmed" in client.get(link).text
    with db.reading() as session:
        assert session.scalars(select(Subscriber.confirmed_at)).one() == first


def test_a_press_on_another_site_confirms_nothing(client: FlaskClient, db: Database, link: str) -> None:
    assert client.post(link, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert client.post(link, headers={"Origin": "https://evil.example"}).status_code == 403
    assert client.post(link, headers={"Origin": "http://[evil"}).status_code == 403
    assert status(db) == SubscriberStatus.PENDING
    assert client.post(link, headers={"Origin": "null"}).status_code == 200  # ours, under no-referrer


def test_a_link_works_for_seven_days(
    client: FlaskClient, db: Database, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert timedelta(days=7) == confirmation_links.CONFIRMATION_AGE
    monkeypatch.setattr(confirmation_links, "CONFIRMATION_AGE", timedelta(seconds=-1))
    page = client.post(link)
    assert page.status_code == 404
    assert "Sign up again" in page.text
    assert status(db) == SubscriberStatus.PENDING


def test_an_old_link_brings_back_no_reader_who_unsubscribed_since(
    client: FlaskClient, db: Database, settings: Settings, link: str
) -> None:
    client.post(link)
    with db.reading() as session:
        token = session.scalars(select(Subscriber.token)).one()
    client.post(f"/unsubscribe/{token}")
    assert client.post(link).status_code == 409
    assert status(db) == SubscriberStatus.UNSUBSCRIBED
    with clock.set_to(clock.now() + timedelta(hours=1)):
        again = sign_up(db, settings)
        assert client.post(again).status_code == 200
    with db.reading() as session:
        reader = session.scalars(select(Subscriber)).one()
        assert (reader.status, reader.unsubscribed_at) == (SubscriberStatus.ACTIVE, None)


@pytest.mark.parametrize("ended", [SubscriberStatus.BOUNCED, SubscriberStatus.COMPLAINED])
def test_an_address_that_takes_no_mail_stays_so(
    client: FlaskClient, db: Database, settings: Settings, link: str, ended: SubscriberStatus
) -> None:
    with db.transaction() as session:
        reader = session.scalars(select(Subscriber)).one()
        reader.status = ended
        suppressions.suppress(session, settings.suppression_key, reader.address_key, SuppressionReason(ended))
    assert client.post(link).status_code == 409
    assert status(db) == ended


def test_a_link_outlives_a_rotation_of_the_key(client: FlaskClient, db: Database, settings: Settings) -> None:
    old = Settings(secret_key="an older secret key")
    rotated = Settings(secret_key=settings.secret_key, secret_key_fallbacks=(old.secret_key,))
    with db.transaction() as session:
        factories.sign_up(session, settings, ADA, Preferences())
        token = confirmation_links.confirmation_token(old.signing_keys, session.scalars(select(Subscriber)).one())
        assert confirmation_links.read_confirmation_token(session, rotated.signing_keys, token)[0].address == ADA
    assert client.post(f"/confirm/{token}").status_code == 404  # this application does not know the older key


def test_a_token_for_another_purpose_confirms_nothing(client: FlaskClient, db: Database, settings: Settings) -> None:
    sign_up(db, settings)
    forged = TokenSigner(settings.signing_keys, "erase").sign([1, clock.now().isoformat()])
    assert client.post(f"/confirm/{forged}").status_code == 404
    assert status(db) == SubscriberStatus.PENDING


def test_a_reader_whose_row_is_gone_gets_a_kind_page(client: FlaskClient, db: Database, link: str) -> None:
    with db.transaction() as session:
        session.delete(session.scalars(select(Subscriber)).one())
    page = client.post(link)
    assert page.status_code == 404
    assert "Sign up again" in page.text


HOSTILE = hypothesis_settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@HOSTILE
@given(data=st.data())
def test_forged_and_mangled_links_change_nothing(
    client: FlaskClient, db: Database, link: str, data: st.DataObject
) -> None:
    token = link.removeprefix("/confirm/")
    # The last character is left alone: some of its bits are padding.
    place = data.draw(st.integers(0, len(token) - 2))
    other = data.draw(st.sampled_from([c for c in ALPHABET + "-_." if c != token[place]]))
    changed = token[:place] + other + token[place + 1 :]
    for mangled in (changed, token[: place + 1], token.swapcase(), other + token):
        assert client.get(f"/confirm/{mangled}").status_code == 404
        assert client.post(f"/confirm/{mangled}").status_code == 404
    assert status(db) == SubscriberStatus.PENDING


@HOSTILE
@given(token=st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_anything_at_all_in_a_link_gets_a_kind_page(client: FlaskClient, db: Database, token: str) -> None:
    for page in ("confirm", "unsubscribe", "preferences"):
        for answer in (client.get(f"/{page}/{quote(token)}"), client.post(f"/{page}/{quote(token)}")):
            assert answer.status_code in (404, 405)
            assert "Get the newsletter" in answer.text
