"""`newsletter support`: what came in by Ko-fi, goals, costs, and supporters' words."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

import click
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from newsletter.cli.numbers import ROW
from newsletter.cli.output import emit, json_option, table
from newsletter.core.runtime import runtime
from newsletter.digests.text import one_line, shortened
from newsletter.serializers.support import support_json, visibility
from newsletter.support import goals, payments, received, voices
from newsletter.support.models import SupportPayment
from newsletter.support.money import parse_money
from newsletter.support.months import present_month
from newsletter.support.received import SupportMonth

support = AppGroup("support", help="Show support by Ko-fi; set goals and costs; hide a supporter's words.")

SHOWN = 20
"""Payments that `show` lists."""


class Month(click.ParamType[date]):
    """A month like 2026-05."""

    name = "month"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", str(value), re.ASCII) or str(value) < "2000":
            self.fail(f"{value!r} is not a month; write it like 2026-05.", param, ctx)
        return date.fromisoformat(f"{value}-01")


from_option = click.option(
    "--from", "month", type=Month(), metavar="MONTH", help="The first month, like 2026-05; else the present one."
)


@support.command()
@json_option
def show(as_json: bool) -> None:
    """Show the last twelve months, the costs, the newest payments, and how many posts were refused."""
    with runtime().db.reading() as session:
        overview = received.support_overview(session, present_month(runtime().settings.timezone))
        newest = voices.newest_payments(session, SHOWN)
        refused = payments.refused_posts(session)
    parts = [
        table(
            [_month_row(month) for month in overview.months if month.count or month is overview.present],
            ("MONTH", "RECEIVED", "GOAL", "PAYMENTS", "OTHER CURRENCIES"),
            "",
        ),
        table([(name, cost.text) for name, cost in overview.costs.items()], ("COST", "A MONTH"), "No costs are set."),
        table(
            [_payment_row(payment) for payment in newest],
            ("ID", "DAY", "KIND", "AMOUNT", "SHOWN", "NAME", "WORDS"),
            "No payment was posted yet.",
        ),
    ]
    if refused:
        parts.append(f"Posts refused: {', '.join(f'{count} {reason}' for reason, count in refused.items())}.")
    emit(support_json(overview, newest, refused), "\n\n".join(parts), as_json=as_json)


@support.command()
@click.argument("amount")
@click.argument("currency")
@from_option
@json_option
def goal(amount: str, currency: str, month: date | None, as_json: bool) -> None:
    """Set the goal of a month and of all that follow: newsletter support goal 900 EUR. 0 ends it."""
    money, month = parse_money(amount, currency), month or present_month(runtime().settings.timezone)
    with runtime().db.transaction() as session:
        goals.set_goal(session, month, money)
    emit(
        {"month": f"{month:%Y-%m}", "goal": money.text},
        f"From {month:%Y-%m} on the goal is {money.text} a month.",
        as_json=as_json,
    )


@support.command()
@click.argument("name")
@click.argument("amount")
@click.argument("currency")
@from_option
@json_option
def cost(name: str, amount: str, currency: str, month: date | None, as_json: bool) -> None:
    """Set a cost of a month and of all that follow: newsletter support cost "One machine" 41 EUR. 0 ends it.

    The public page shows the NAME.
    """
    money, month = parse_money(amount, currency), month or present_month(runtime().settings.timezone)
    with runtime().db.transaction() as session:
        goals.set_cost(session, name, month, money)
    emit(
        {"name": name, "month": f"{month:%Y-%m}", "cost": money.text},
        f"From {month:%Y-%m} on {name} costs {money.text} a month.",
        as_json=as_json,
    )


@support.command()
@click.argument("payment", metavar="ID", type=ROW)
@click.option("--undo", "act", flag_value="undo", help="Show them again.")
@click.option("--delete", "act", flag_value="delete", help="Delete them for good, as their writer may ask.")
@click.option(
    "--delete-payment", "act", flag_value="payment", help="Delete the payment: a test of Ko-fi's, or one paid back."
)
@json_option
def hide(payment: int, act: str | None, as_json: bool) -> None:
    """Hide name and words of a payment (`support show` lists the IDs). They cannot be edited."""
    what, change = ACTS[act]
    with runtime().db.transaction() as session:
        change(session, payment)
    emit({"id": payment, "done": what}, f"{what} {payment}.", as_json=as_json)


ACTS: dict[str | None, tuple[str, Callable[[Session, int], None]]] = {
    None: ("Hidden: name and words of payment", voices.hide_words),
    "undo": ("Shown again: name and words of payment", voices.show_words),
    "delete": ("Deleted: name and words of payment", voices.delete_words),
    "payment": ("Deleted: payment", payments.delete_payment),
}
"""By the option: the words for it, and what is done."""


def _month_row(month: SupportMonth) -> tuple[object, ...]:
    goal = month.goal.text if month.goal else "-"
    others = ", ".join(each.text for each in month.others)
    return f"{month.month:%Y-%m}", month.received.text, goal, month.count, others


def _payment_row(payment: SupportPayment) -> tuple[object, ...]:
    return (
        payment.id,
        payment.day,
        payment.kind,
        payment.money.text,
        visibility(payment),
        shortened(one_line(payment.name or ""), 30),
        shortened(one_line(payment.words or ""), 60),
    )
