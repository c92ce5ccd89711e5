"""The page /support: months against their goals, costs, currencies apart, and public words."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from html import unescape

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, update

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.errors import InvalidError, NotFoundError
from newsletter.support import goals, payments, voices
from newsletter.support.kofi_payload import Payment
from newsletter.support.models import SupportKind, SupportPayment
from newsletter.support.money import parse_money
from newsletter.support.received import support_overview

NOW = datetime(2026, 5, 6, 16, 42, tzinfo=UTC)
MAY, APRIL = date(2026, 5, 1), date(2026, 4, 1)


@pytest.fixture(autouse=True)
def _in_may() -> object:
    with clock.set_to(NOW):
        yield


def pay(
    db: Database,
    settings: Settings,
    amount: str,
    currency: str = "EUR",
    day: date = date(2026, 5, 4),
    *,
    words: str = "",
    name: str = "Jo",
    kind: SupportKind = SupportKind.DONATION,
) -> None:
    """A payment, public if there are words."""
    number = f"{amount} {currency} {day} {words} {name}"
    payment = Payment(
        message_id=number,
        transaction_id="",
        day=day,
        kind=kind,
        money=parse_money(amount, currency),
        is_public=bool(words),
        name=name if words else "",
        words=words,
        is_renewal=False,
        address="",
    )
    with db.transaction() as session:
        assert payments.store_payment(session, settings, payment)


def set_goal(db: Database, amount: str, currency: str = "EUR", month: date = APRIL) -> None:
    with db.transaction() as session:
        goals.set_goal(session, month, parse_money(amount, currency))


def set_cost(db: Database, name: str, amount: str, month: date = APRIL, currency: str = "EUR") -> None:
    with db.transaction() as session:
        goals.set_cost(session, name, month, parse_money(amount, currency))


def page(client: FlaskClient, language: str = "en") -> str:
    """The words of the page, each run of spaces as one."""
    text = client.get(f"/support?language={language}").text
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", text)).split()).replace("\xa0", " ")


def test_with_nothing_in_it(client: FlaskClient) -> None:
    words = page(client)
    assert "Nothing has come in yet in May 2026." in words
    assert "What it pays for" not in words
    assert "The last twelve months" not in words


def test_the_month_against_its_goal(client: FlaskClient, db: Database, settings: Settings) -> None:
    set_goal(db, "900")
    for amount, day in (("400", 1), ("12", 5)):
        pay(db, settings, amount, day=date(2026, 5, day))
    pay(db, settings, "868.50", day=date(2026, 4, 30))
    words = page(client)
    assert "€412 of €900 for May 2026, from 2 payments" in words
    assert "45%, 6 May" in words
    assert "Apr €869" not in words  # the chart's values are numbers alone
    assert "868" in words


def test_more_than_the_goal_fits_the_bar(client: FlaskClient, db: Database, settings: Settings) -> None:
    set_goal(db, "100")
    pay(db, settings, "250")
    assert "250%, 6 May" in page(client)
    assert 'class="bar done" x="0" y="4" width="100%"' in client.get("/support").text


def test_currencies_are_never_added_up(client: FlaskClient, db: Database, settings: Settings) -> None:
    set_goal(db, "900")
    pay(db, settings, "5")
    pay(db, settings, "1000", "JPY")
    pay(db, settings, "1.234", "BHD")
    pay(db, settings, "20", "USD")
    words = page(client)
    assert "€5 of €900 for May 2026, from 1 payment" in words
    assert "other currencies, which are not added up: BHD 1.234 · JP¥1,000 · US$20" in words
    with db.reading() as session:
        month = support_overview(session, MAY).present
        assert (month.received.amount, month.count) == (Decimal(5), 4)


def test_the_goals_currency_counts(client: FlaskClient, db: Database, settings: Settings) -> None:
    set_goal(db, "50000", "JPY")
    pay(db, settings, "1000", "JPY")
    pay(db, settings, "5")
    words = page(client)
    assert "JP¥1,000 of JP¥50,000 for May 2026" in words
    assert "in Japanese yen" in words


def test_without_a_goal_the_usual_currency_counts(client: FlaskClient, db: Database, settings: Settings) -> None:
    pay(db, settings, "5", "USD", date(2026, 4, 3))
    pay(db, settings, "7", "USD")
    pay(db, settings, "9", "EUR")
    words = page(client)
    assert "US$7 in May 2026, from 1 payment" in words
    assert "which are not added up: €9." in words


def test_goals_and_costs_hold_from_their_month_on(db: Database, settings: Settings) -> None:
    set_goal(db, "500", month=date(2026, 1, 1))
    set_goal(db, "900", month=APRIL)
    set_cost(db, "Sending", "50", date(2026, 2, 1))
    set_cost(db, "Sending", "89", APRIL)
    set_cost(db, "Old thing", "10", date(2026, 2, 1))
    set_cost(db, "Old thing", "0", MAY)
    with db.reading() as session:
        budget = goals.read_budget(session)
        overview = support_overview(session, MAY)
    assert budget.goal(date(2025, 12, 1)) is None
    goal_of_march = budget.goal(date(2026, 3, 1))
    assert goal_of_march is not None
    assert goal_of_march.amount == 500
    assert len(budget.costs(date(2026, 3, 1))) == 2
    assert {name: cost.text for name, cost in overview.costs.items()} == {"Sending": "89.00 EUR"}
    set_goal(db, "0", month=MAY)
    with db.reading() as session:
        assert support_overview(session, MAY).present.goal is None


def test_what_is_left_over_and_what_is_missing(client: FlaskClient, db: Database, settings: Settings) -> None:
    set_goal(db, "900")
    set_cost(db, "Sending", "89")
    pay(db, settings, "100", day=date(2026, 4, 3))
    assert "is kept for months with less. At the end of April 2026: €11." in page(client)
    set_cost(db, "One machine", "41")
    assert "Up to the end of April 2026, these costs were €30 more than what came in." in page(client)
    set_cost(db, "A journal", "10", currency="USD")
    words = page(client)
    assert "months with less" not in words
    assert "more than what came in" not in words
    assert "All in EUR €130 All in USD US$10" in words


def test_only_public_words_that_nobody_hid_stand_there(client: FlaskClient, db: Database, settings: Settings) -> None:
    pay(db, settings, "5", words="One “word” & <b>another</b>", name="Zoë <x>", kind=SupportKind.SUBSCRIPTION)
    pay(db, settings, "6", words="Hidden words", name="Troll")
    pay(db, settings, "7")
    with db.transaction() as session:
        shown = voices.public_words(session)
        assert [each.words for each in shown] == ["Hidden words", "One “word” & <b>another</b>"]
        voices.hide_words(session, shown[0].id)
    text = client.get("/support").text
    assert '<q dir="auto">One “word” &amp; &lt;b&gt;another&lt;/b&gt;</q>' in text
    assert "<bdi>Zoë &lt;x&gt;</bdi>" in text
    assert "monthly" in text
    assert "Hidden words" not in text
    assert "Troll" not in text


def test_hiding_can_be_undone_and_deleting_cannot(db: Database, settings: Settings) -> None:
    pay(db, settings, "5", words="Words")
    with db.transaction() as session:
        (payment,) = voices.newest_payments(session, 5)
        voices.hide_words(session, payment.id)
        voices.show_words(session, payment.id)
        assert len(voices.public_words(session)) == 1
        voices.delete_words(session, payment.id)
        with pytest.raises(NotFoundError):
            voices.show_words(session, payment.id)
    with db.reading() as session:
        (payment,) = voices.newest_payments(session, 5)
        assert (payment.name, payment.words, payment.is_public, payment.money.text) == (None, None, False, "5.00 EUR")


def test_long_words_are_cut_on_the_page_alone(client: FlaskClient, db: Database, settings: Settings) -> None:
    pay(db, settings, "5", words="word " * 2000)
    assert len(client.get("/support").text) < 12_000
    with db.reading() as session:
        assert len(voices.newest_payments(session, 1)[0].words or "") == 10_000


@pytest.mark.parametrize("name", ["", " ", "x" * 101, "\u202e"])
def test_a_cost_needs_a_name(db: Database, name: str) -> None:
    with pytest.raises(InvalidError, match="1 to 100"), db.transaction() as session:
        goals.set_cost(session, name, MAY, parse_money("1", "EUR"))


def test_in_german(client: FlaskClient, db: Database, settings: Settings) -> None:
    set_goal(db, "900")
    set_cost(db, "Sending", "1089.50")
    pay(db, settings, "412")
    words = page(client, "de")
    assert "412 € von 900 € für Mai 2026, aus 1 Zahlung" in words
    assert "45 %, 6. Mai" in words
    assert "1.089,50 €" in words


def test_the_page_asks_eight_times_at_most_however_many_payments(
    client: FlaskClient, db: Database, settings: Settings
) -> None:
    set_goal(db, "900")
    set_cost(db, "Sending", "89")
    counts = []
    for many in (1, 30):
        for number in range(many):
            pay(db, settings, "3", day=date(2026, 5, 1) - timedelta(days=number), words=f"Words {many} {number}")
        queries: list[str] = []
        event.listen(db.engine, "before_cursor_execute", lambda *given, queries=queries: queries.append(given[2]))
        assert client.get("/support").status_code == 200
        counts.append(len([query for query in queries if query.startswith("SELECT")]))
    assert counts[0] <= 8
    assert counts[1] <= 8


def test_a_currency_whose_digits_changed_is_read_as_it_was_stored(db: Database, settings: Settings) -> None:
    pay(db, settings, "3.00")
    with db.transaction() as session:
        session.execute(update(SupportPayment).values(exponent=3))
    with db.reading() as session:
        assert support_overview(session, MAY).present.received.amount == Decimal("0.3")


def test_the_one_button_is_a_plain_link(client: FlaskClient, settings: Settings) -> None:
    text = client.get("/support").text
    assert text.count("ko-fi.com/") == 1
    assert f'<a class="button" href="{replace(settings).kofi_page}" rel="noreferrer">' in text
    assert not re.search(r"<(script|iframe|img|form)\b", text)


def test_the_front_page_has_the_month_against_its_goal(client: FlaskClient, db: Database, settings: Settings) -> None:
    for amount, currency, day in (("412", "EUR", 4), ("20", "USD", 4)):
        pay(db, settings, amount, currency, date(2026, 5, day))
    pay(db, settings, "33", "EUR", date(2026, 4, 30))
    assert "Paid for by readers" not in client.get("/").text, "without a goal there is nothing to compare"
    set_goal(db, "900")
    front = client.get("/").text
    assert "<p>€412 of €900 for May 2026</p>" in front
    assert 'class="bar done" x="0" y="2" width="45%"' in front
    assert '<a href="/support">What it pays for</a>' in front
    assert "<p>412 € von 900 € für Mai 2026</p>" in client.get("/?language=de").text.replace("\xa0", " ")
    pay(db, settings, "5000")
    assert 'class="bar done" x="0" y="2" width="100%"' in client.get("/").text
    set_goal(db, "0", month=MAY)
    assert "Paid for by readers" not in client.get("/").text
