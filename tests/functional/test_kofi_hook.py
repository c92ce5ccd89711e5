"""Ko-fi's webhook: each payment once, forged and broken posts refused and counted, and the thank-you mail."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, text

from newsletter.app import create_app
from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.runtime import runtime
from newsletter.mail import outgoing_mails
from newsletter.mail.models import OutgoingMail
from newsletter.operations import transactional_sending
from newsletter.subscribers import addresses
from newsletter.subscribers.models import SuppressionReason
from newsletter.subscribers.suppression import suppressions
from newsletter.support import payments, thank_you
from newsletter.support.models import RefusalReason, SupportPayment
from tests.services import kofi


@pytest.fixture
def settings(settings: Settings, valkey_url: str) -> Settings:
    return replace(settings, kofi_verification_token=kofi.TOKEN, kofi_thank_you=True, redis_url=valkey_url)


def post(client: FlaskClient, values: object, **headers: str) -> int:
    return post_body(client, kofi.body(values), **headers)


def post_body(client: FlaskClient, body: bytes, **headers: str) -> int:
    answer = client.post("/hooks/kofi", data=body, content_type="application/x-www-form-urlencoded", headers=headers)
    return answer.status_code


def rows(db: Database) -> list[SupportPayment]:
    with db.reading() as session:
        found = list(session.scalars(select(SupportPayment).order_by(SupportPayment.id)))
        session.expunge_all()
        return found


def mails(db: Database) -> list[dict[str, Any]]:
    with db.reading() as session:
        return list(session.scalars(select(OutgoingMail.payload).where(OutgoingMail.kind == "thank_you")))


def refused(db: Database) -> dict[RefusalReason, int]:
    with db.reading() as session:
        return payments.refused_posts(session)


def test_each_type_is_stored(client: FlaskClient, db: Database) -> None:
    sent = [kofi.payload(), kofi.subscription(), kofi.shop_order(), kofi.commission(), kofi.payload(type="Raffle")]
    for number, values in enumerate(sent):
        assert post(client, {**values, "message_id": f"m{number}", "kofi_transaction_id": f"t{number}"}) == 200
    assert [str(row.kind) for row in rows(db)] == ["donation", "subscription", "shop_order", "commission", "other"]
    assert [row.money.text for row in rows(db)] == ["3.00 EUR", "5.00 EUR", "27.95 EUR", "40.00 EUR", "3.00 EUR"]


def test_a_private_payment_keeps_day_kind_amount_and_currency_alone(client: FlaskClient, db: Database) -> None:
    assert post(client, kofi.shop_order(is_public=False)) == 200
    (row,) = rows(db)
    assert (str(row.day), row.kind, row.money.text, row.is_public) == ("2026-05-04", "shop_order", "27.95 EUR", False)
    assert (row.name, row.words, row.hidden_at) == (None, None, None)
    assert len(row.message_hash) == len(row.transaction_hash or b"") == 32


def test_the_database_refuses_words_of_a_private_payment(db: Database) -> None:
    private = SupportPayment(
        message_hash=b"x", day=clock.now().date(), kind="donation", currency="EUR", exponent=2, minor_units=1,
        is_public=False, words="secret",
    )  # fmt: skip
    with pytest.raises(Exception, match=r"ck_support_payments_private"), db.transaction() as session:
        session.add(private)


@pytest.mark.parametrize(
    "again",
    [
        {},
        {"message_id": "another"},
        {"kofi_transaction_id": "another"},
        {"kofi_transaction_id": None},
        {"amount": "99.00", "is_public": False, "message": "changed"},
    ],
)
def test_a_repeat_changes_nothing(client: FlaskClient, db: Database, again: dict[str, Any]) -> None:
    assert post(client, kofi.payload()) == 200
    assert post(client, kofi.payload(**again)) == 200
    assert [(row.money.text, row.words) for row in rows(db)] == [("3.00 EUR", "Good luck with the newsletter!")]
    assert len(mails(db)) == 1


def test_payments_without_a_transaction_are_told_apart(client: FlaskClient, db: Database) -> None:
    for number in range(2):
        assert post(client, kofi.payload(message_id=f"m{number}", kofi_transaction_id=None)) == 200
    assert len(rows(db)) == 2


def test_repeats_that_come_together_are_one_payment_and_one_mail(app: Flask, db: Database) -> None:
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda _: post(app.test_client(), kofi.payload()), range(16)))
    assert codes == [200] * 16
    assert len(rows(db)) == len(mails(db)) == 1


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (kofi.body(kofi.payload(verification_token="wrong")), 403, RefusalReason.FORGED),
        (kofi.body(kofi.payload(amount="-3.00")), 400, RefusalReason.AMOUNT),
        (kofi.body(kofi.payload(amount="1e99")), 400, RefusalReason.AMOUNT),
        (b"data={", 400, RefusalReason.UNREADABLE),
        (b"data=" + b"%5B" * 30_000, 400, RefusalReason.UNREADABLE),
        (kofi.body(kofi.payload(message="x" * 100_001)), 413, RefusalReason.TOO_LARGE),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_refused_is_counted_and_not_repeated(
    client: FlaskClient, db: Database, caplog: pytest.LogCaptureFixture, body: bytes, status: int, reason: RefusalReason
) -> None:
    assert [post_body(client, body) for _ in range(2)] == [status, status]
    assert refused(db) == {reason: 2}
    assert (rows(db), mails(db)) == ([], [])
    assert len([line for line in caplog.messages if "refused" in line]) == 2
    assert not any(word in caplog.text for word in ("supporter", kofi.TOKEN, "Good luck", "wrong"))


def test_a_payload_just_below_the_limit_is_taken(client: FlaskClient, db: Database) -> None:
    assert post(client, kofi.payload(message="x" * 98_000)) == 200
    assert len(rows(db)[0].words or "") == 98_000


def test_nothing_is_answered_before_the_commit(
    client: FlaskClient, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit that fails leaves Ko-fi without its 200, and nothing behind: it posts again."""
    with monkeypatch.context() as patched:
        patched.setattr(outgoing_mails, "add_mail", lambda *_args, **_values: 1 / 0)
        assert post(client, kofi.payload()) == 500
    assert rows(db) == []
    assert post(client, kofi.payload()) == 200
    assert len(rows(db)) == 1


def test_a_browser_on_another_site_changes_nothing_without_the_token(client: FlaskClient, db: Database) -> None:
    assert post(client, kofi.payload(), Origin="https://ko-fi.com") == 200
    assert post(client, kofi.payload(verification_token=""), Origin="https://evil.example") == 403
    assert client.get("/hooks/kofi").status_code == 405


def test_without_a_token_there_is_no_such_address(settings: Settings) -> None:
    app = create_app(replace(settings, kofi_verification_token=""))
    assert post(app.test_client(), kofi.payload(verification_token="")) == 404
    app.extensions["newsletter"].db.dispose()


class TestThankYou:
    """The one mail, and the address in it."""

    @pytest.fixture(autouse=True)
    def context(self, app: Flask) -> None:
        runtime().queues.redis.flushall()

    def send(self) -> list[str]:
        """Send what waits; the mails that came."""
        transactional_sending.send_waiting_mails(runtime())
        return [path.read_text() for path in sorted(runtime().settings.maildir.glob("new/*"))]

    def test_it_goes_out_once_with_no_word_of_the_payment(self, client: FlaskClient, db: Database) -> None:
        post(client, kofi.payload())
        assert runtime().queues.mails_wait()
        (mail,) = self.send()
        assert f"To: {kofi.ADDRESS}" in mail
        assert "https://letters.example.org/support" in mail
        assert "List-Unsubscribe" not in mail
        assert not any(word in mail for word in ("Good luck", "Jo Example", "3.00"))
        assert mails(db) == []
        post(client, kofi.payload())
        assert len(self.send()) == 1

    def test_private_supporters_are_thanked_too_and_renewals_are_not(self, client: FlaskClient, db: Database) -> None:
        post(client, kofi.payload(is_public=False))
        post(client, kofi.subscription(message_id="m", kofi_transaction_id="t", is_first_subscription_payment=False))
        assert mails(db) == [{"address": kofi.ADDRESS}]
        assert len(rows(db)) == 2

    def test_an_address_that_must_not_be_mailed_gets_none(self, client: FlaskClient, db: Database) -> None:
        key = addresses.identity_key(kofi.ADDRESS.upper())
        with db.transaction() as session:
            suppressions.suppress(session, runtime().settings.suppression_key, key, SuppressionReason.UNSUBSCRIBED)
        post(client, kofi.payload())
        assert self.send() == []
        assert mails(db) == []

    def test_without_the_setting_no_address_is_kept(self, settings: Settings, db: Database) -> None:
        app = create_app(replace(settings, kofi_thank_you=False))
        assert post(app.test_client(), kofi.payload()) == 200
        assert mails(db) == []
        app.extensions["newsletter"].db.dispose()

    def test_an_address_waits_for_three_days_at_most(self, client: FlaskClient, db: Database) -> None:
        post(client, kofi.payload())
        now = clock.now()
        with clock.set_to(now + timedelta(days=2)), db.transaction() as session:
            assert thank_you.delete_old(session) == []
        with clock.set_to(now + timedelta(days=2, hours=23)), db.transaction() as session:
            assert thank_you.delete_old(session) == [kofi.ADDRESS]
        assert mails(db) == []

    def test_a_mail_that_a_worker_has_is_left_alone(self, client: FlaskClient, db: Database) -> None:
        post(client, kofi.payload())
        with db.transaction() as session:
            session.execute(text("UPDATE outgoing_mail SET lease_until = 99999999999"))
        with clock.set_to(clock.now() + timedelta(days=4)), db.transaction() as session:
            assert thank_you.delete_old(session) == []


def test_hashes_need_the_key(client: FlaskClient, db: Database, settings: Settings) -> None:
    post(client, kofi.payload())
    (first,) = rows(db)
    other = replace(settings, suppression_key=type(settings.suppression_key)("another suppression key"))
    again = payments._keyed(other, "message", kofi.payload()["message_id"])
    assert first.message_hash != again
    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(SupportPayment)) == 1
