"""The demo's support: a goal, costs, and a year of payments. None of it is real."""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.support import goals, payments
from newsletter.support.kofi_payload import Payment
from newsletter.support.models import SupportKind, SupportPayment
from newsletter.support.money import Money, parse_money
from newsletter.support.months import months_before, months_from, present_month

GOAL = "900"
CURRENCY = "EUR"
COSTS = (
    ("Editors’ time (3 people, in part)", "200"),
    ("Newspapers, journals, court records", "170"),
    ("Sending", "89"),
    ("One machine, its backups, the domain", "41"),
)
RAISED = ("Editors’ time (3 people, in part)", "600")
"""The cost of the first of them, from RAISED_AFTER months on."""
RAISED_AFTER = 8
MONTHLY = (388, 402, 431, 515, 640, 702, 798, 812, 774, 905, 868, 412)
"""Euros of each month, up to the present one."""
VOICES = (
    ("Rui", "Para um jornal sem anúncios.", SupportKind.SUBSCRIPTION),
    ("S. Okoye", "You corrected a number and wrote to me about it. That was worth a coffee.", SupportKind.DONATION),
    (
        "Henrike",
        "I teach statistics. The trust score, with its parts, is the best worksheet I have.",
        SupportKind.SUBSCRIPTION,
    ),
)
_AMOUNTS = ("3", "5", "5", "6", "10", "12.50")


def add_sample_support(session: Session, settings: Settings) -> None:
    """Add the goal, the costs and the payments, unless there are payments already."""
    if session.scalar(select(SupportPayment.id).limit(1)) is not None:
        return
    today = clock.today(settings.timezone)
    present = present_month(settings.timezone)
    months = months_from(months_before(present, len(MONTHLY) - 1), present)
    goals.set_goal(session, months[0], parse_money(GOAL, CURRENCY))
    for name, amount in COSTS:
        goals.set_cost(session, name, months[0], parse_money(amount, CURRENCY))
    goals.set_cost(session, RAISED[0], months[RAISED_AFTER], parse_money(RAISED[1], CURRENCY))
    chance = random.Random(2026)  # noqa: S311 - the same at each start
    for month, total in zip(months, MONTHLY, strict=True):
        last = min(today, months_before(month, -1) - timedelta(days=1))
        for number, money in enumerate(_parts(total, chance)):
            day = month + timedelta(days=chance.randrange((last - month).days + 1))
            payments.store_payment(session, settings, _payment(f"sample {month} {number}", day, money))
    for number, (name, words, kind) in enumerate(VOICES):
        money = parse_money("5", CURRENCY)
        voice = _payment(f"sample voice {number}", today, money, kind=kind, name=name, words=words)
        payments.store_payment(session, settings, voice)
    payments.store_payment(session, settings, _payment("sample dollars", today, parse_money("20", "USD")))


def _parts(total: int, chance: random.Random) -> list[Money]:
    """Payments that sum to `total` euros."""
    found, rest = [], Decimal(total)
    while rest > 0:
        amount = min(rest, Decimal(chance.choice(_AMOUNTS)))
        found.append(parse_money(str(amount), CURRENCY))
        rest -= amount
    return found


def _payment(
    message_id: str,
    day: date,
    money: Money,
    *,
    kind: SupportKind = SupportKind.DONATION,
    name: str = "",
    words: str = "",
) -> Payment:
    return Payment(
        message_id=message_id,
        transaction_id=message_id,
        day=day,
        kind=kind,
        money=money,
        is_public=bool(words),
        name=name,
        words=words,
        is_renewal=False,
        address="",
    )
