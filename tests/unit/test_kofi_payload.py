"""Reading Ko-fi's posts: what is kept of them, and that nothing strange gets further than a refusal."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core import clock
from newsletter.core.storable_text import is_storable
from newsletter.support.kofi_payload import AmountError, ForgedError, Payment, RefusedError, read_post
from newsletter.support.models import SupportKind
from newsletter.support.money import MOST, Money, parse_money
from tests.services import kofi

LISBON = ZoneInfo("Europe/Lisbon")
NOW = datetime(2026, 5, 6, 16, 42, tzinfo=UTC)


def read(values: object) -> Payment:
    with clock.set_to(NOW):
        return read_post(kofi.body(values), kofi.TOKEN, LISBON)


@pytest.mark.parametrize(
    ("values", "kind", "amount"),
    [
        (kofi.payload(), SupportKind.DONATION, "3.00"),
        (kofi.subscription(), SupportKind.SUBSCRIPTION, "5.00"),
        (kofi.shop_order(), SupportKind.SHOP_ORDER, "27.95"),
        (kofi.commission(), SupportKind.COMMISSION, "40.00"),
        (kofi.payload(type="Raffle"), SupportKind.OTHER, "3.00"),
        (kofi.payload(type=None), SupportKind.OTHER, "3.00"),
    ],
)
def test_each_type(values: dict[str, Any], kind: SupportKind, amount: str) -> None:
    payment = read(values)
    assert payment.kind is kind
    assert payment.money == Money(Decimal(amount), "EUR")
    assert payment.day == date(2026, 5, 4)
    assert (payment.name, payment.words) == ("Jo Example", "Good luck with the newsletter!")


@pytest.mark.parametrize("is_public", [False, None, "true", 1, "yes", [True]])
def test_whoever_does_not_say_public_is_private(is_public: object) -> None:
    payment = read(kofi.payload(is_public=is_public))
    assert not payment.is_public
    assert (payment.name, payment.words) == ("", "")


def test_unknown_keys_are_dropped() -> None:
    assert read(kofi.payload(new_key={"deep": [1, 2.5]}, another="x")) == read(kofi.payload())


def test_only_renewals_are_renewals() -> None:
    assert not read(kofi.subscription()).is_renewal
    assert read(kofi.subscription(is_first_subscription_payment=False)).is_renewal
    assert not read(kofi.payload()).is_renewal


@pytest.mark.parametrize(
    ("amount", "currency", "minor_units", "exponent"),
    [
        ("3.00", "EUR", 300, 2),
        ("3", "usd", 300, 2),
        ("0", "EUR", 0, 2),
        ("300", "JPY", 300, 0),
        ("300.00", "JPY", 300, 0),
        ("1.234", "BHD", 1234, 3),
        ("1.5", "BHD", 1500, 3),
        ("1000000000", "EUR", 10**11, 2),
        (3, "EUR", 300, 2),
        (3.1, "EUR", 310, 2),
        ("12.34", "XYZ", 1234, 2),
    ],
)
def test_amounts_are_exact_in_each_currency(amount: object, currency: str, minor_units: int, exponent: int) -> None:
    money = read(kofi.payload(amount=amount, currency=currency)).money
    assert (money.minor_units, money.exponent) == (minor_units, exponent)


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        *(("-3.00", "EUR"), (-3, "EUR"), ("-0", "EUR"), ("3,00", "EUR"), ("1e9", "EUR"), ("NaN", "EUR"), ("", "EUR")),
        *(("Infinity", "EUR"), ("9" * 5000, "EUR"), ("1000000000.01", "EUR"), ("3.005", "EUR"), ("1.5", "JPY")),
        *(
            (None, "EUR"),
            (True, "EUR"),
            ({"x": 1}, "EUR"),
            ("٣", "EUR"),
            ("0x10", "EUR"),
            ("+3", "EUR"),
            ("1_0", "EUR"),
        ),
        *(("3.00", "EURO"), ("3.00", ""), ("3.00", None), ("3.00", "€"), ("3.00", 978), (10**400, "EUR")),
    ],
)
def test_an_amount_that_is_none_is_refused(amount: object, currency: object) -> None:
    with pytest.raises(AmountError):
        read(kofi.payload(amount=amount, currency=currency))


@pytest.mark.parametrize("token", ["", "wrong", kofi.TOKEN[:-1], f"{kofi.TOKEN} ", None, 5, ["x"], "\ud800", "ü"])
def test_a_token_that_is_not_ours_is_refused(token: object) -> None:
    with pytest.raises(ForgedError):
        read(kofi.payload(verification_token=token))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"data",
        b"data=",
        b"data=null",
        b"data=[]",
        b"data={",
        b"data=%ff",
        b"data=" + b"%5B" * 30_000,
        b"data=%7B%22a%22:" * 3000,
        b"other=%7B%7D",
        b"data=%7B%7D&data=%7B%7D",
        b"&".join(b"k%d=v" % number for number in range(50)),
        "data=ü".encode(),
        b"\x00\xff",
        quote('data={"verification_token": NaN}').encode(),
        urlencode({"data": '{"amount": NaN}'}).encode(),
        json.dumps(kofi.payload()).encode(),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(body: bytes) -> None:
    with pytest.raises(RefusedError):
        read_post(body, kofi.TOKEN, LISBON)


@pytest.mark.parametrize("key", ["message_id", "kofi_transaction_id"])
@pytest.mark.parametrize("value", [True, ["x"], "x" * 201, "a\nb", "ü", "\x00"])
def test_an_id_that_is_none_is_refused(key: str, value: object) -> None:
    with pytest.raises(RefusedError):
        read(kofi.payload(**{key: value}))


def test_a_message_id_there_must_be_and_a_transaction_id_there_may_be() -> None:
    with pytest.raises(RefusedError):
        read(kofi.payload(message_id=None))
    with pytest.raises(RefusedError):
        read(kofi.payload(message_id=" "))
    assert read(kofi.payload(kofi_transaction_id=None)).transaction_id == ""


@pytest.mark.parametrize(
    ("timestamp", "day"),
    [
        ("2026-04-30T23:30:00Z", date(2026, 5, 1)),  # in Lisbon
        ("2026-04-30T23:30:00+02:00", date(2026, 4, 30)),
        ("2026-04-30T12:00:00", date(2026, 4, 30)),
        ("2026-05-07T12:00:00Z", date(2026, 5, 7)),
        *((wrong, date(2026, 5, 6)) for wrong in ("2027-01-01T00:00:00Z", "1999-01-01T00:00:00Z", "soon", "", None, 5)),
        ("0001-01-01T00:00:00+14:00", date(2026, 5, 6)),
    ],
)
def test_the_day_is_the_payments_own_where_it_can_be_right(timestamp: object, day: date) -> None:
    assert read(kofi.payload(timestamp=timestamp)).day == day


def test_words_stay_as_they_are_but_for_what_no_page_and_no_database_takes() -> None:
    written = "  Para um “jornal”…\r\n<b>sem</b> anúncios \u202eevil\u202c\x00\x1b[31m\ud800 🎉  "
    payment = read(kofi.payload(message=written, from_name="Jo\nEx\tample\u202e"))
    assert payment.words == "Para um “jornal”…\n<b>sem</b> anúncios evil[31m 🎉"
    assert payment.name == "Jo Ex ample"


@pytest.mark.parametrize(
    "email", ["", None, "nobody", "a@b\nBcc: c@d.example", "x" * 250 + "@a.example", ["a@b.example"]]
)
def test_an_address_that_is_none_gets_no_mail(email: object) -> None:
    assert read(kofi.payload(email=email)).address == ""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*kofi.payload(), "new"]), JSON))
def test_whatever_a_payload_holds_is_kept_right_or_refused(changes: dict[str, Any]) -> None:
    try:
        payment = read(kofi.payload(**changes))
    except RefusedError:
        return
    assert changes.get("verification_token", kofi.TOKEN) == kofi.TOKEN
    assert 0 <= payment.money.amount <= MOST
    assert payment.money.minor_units == payment.money.amount.scaleb(payment.money.exponent)
    assert payment.is_public or payment.name == payment.words == ""
    assert is_storable(payment.name + payment.words + payment.message_id + payment.transaction_id)


@given(st.binary(max_size=300))
def test_whatever_comes_is_read_or_refused(body: bytes) -> None:
    with pytest.raises(RefusedError):
        read_post(body, kofi.TOKEN, LISBON)


@given(st.decimals(0, 10**6, places=2), st.sampled_from(["EUR", "USD", "JPY", "BHD", "HUF"]))
def test_an_amount_survives_its_minor_units(amount: Decimal, currency: str) -> None:
    whole = str(amount.quantize(Decimal(1))) if currency == "JPY" else str(amount)
    money = parse_money(whole, currency)
    assert Decimal(money.minor_units).scaleb(-money.exponent) == Decimal(whole)
