"""The support that was received, by month. The goal's currency counts; others are listed beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from sqlalchemy import extract, func, select
from sqlalchemy.orm import Session

from newsletter.support.goals import Budget, read_budget
from newsletter.support.models import SupportGoal, SupportPayment
from newsletter.support.money import Money, of_minor_units, sums
from newsletter.support.months import months_before, months_from

MONTHS_SHOWN = 12
NOTHING = Decimal(0)
FIRST_CURRENCY = "EUR"
"""Shown while there is neither a goal nor a payment."""


@dataclass
class Received:
    """The payments of a month."""

    counts: Counter[str] = field(default_factory=Counter)
    """By currency."""
    amounts: dict[str, Decimal] = field(default_factory=dict)
    """The sum of each currency."""

    def in_currency(self, currency: str) -> Decimal:
        """The sum of one currency."""
        return self.amounts.get(currency, NOTHING)

    def others(self, currency: str) -> list[Money]:
        """The sums of all currencies but one."""
        return [Money(amount, each) for each, amount in sorted(self.amounts.items()) if each != currency]


@dataclass(frozen=True)
class SupportMonth:
    """A month of support, in the currency of its goal."""

    month: date
    goal: Money | None
    received: Money
    others: Sequence[Money]
    count: int
    """All payments, in whatever currency."""
    received_count: int
    """The payments in the currency of `received`, which they sum to."""

    @property
    def percent(self) -> int:
        """How much of the goal was received; above 100 when it was more."""
        if self.goal is None:
            return 0
        return int(self.received.amount * 100 / self.goal.amount)


@dataclass(frozen=True)
class SupportOverview:
    """Support as its page shows it."""

    months: Sequence[SupportMonth]
    """The last ones, the present month at the end."""
    costs: dict[str, Money]
    """Of the present month, by name."""
    surplus: Money | None
    """Received minus spent from the first month with costs to the end of the last month, in the goal's currency.
    Negative when more was spent; None when it cannot be said, since other currencies are among the costs."""

    @property
    def present(self) -> SupportMonth:
        """The month that it is now."""
        return self.months[-1]

    @property
    def shortfall(self) -> Money | None:
        """A negative surplus, as a positive amount."""
        return self.surplus._replace(amount=-self.surplus.amount) if self.surplus else None

    @property
    def cost_sums(self) -> list[Money]:
        """The sum of the costs in each currency."""
        return [Money(amount, currency) for currency, amount in sums(self.costs.values()).items()]


def received_by_month(session: Session) -> dict[date, Received]:
    """The payments of each month that has any: one query, whose answer grows with the months alone."""
    year, month = extract("year", SupportPayment.day), extract("month", SupportPayment.day)
    query = select(
        year,
        month,
        SupportPayment.currency,
        SupportPayment.exponent,
        func.sum(SupportPayment.minor_units),
        func.count(),
    ).group_by(year, month, SupportPayment.currency, SupportPayment.exponent)
    found: dict[date, Received] = {}
    for in_year, in_month, currency, exponent, minor_units, count in session.execute(query):
        received = found.setdefault(date(int(in_year), int(in_month), 1), Received())
        received.counts[currency] += count
        amount = of_minor_units(int(minor_units), currency, exponent).amount
        received.amounts[currency] = received.in_currency(currency) + amount
    return found


def support_overview(session: Session, present: date) -> SupportOverview:
    """The overview at the month `present`: two queries."""
    budget, received = read_budget(session), received_by_month(session)
    first = months_before(present, MONTHS_SHOWN - 1)
    months = support_months(budget, received, months_from(first, present))
    return SupportOverview(months, budget.costs(present), _surplus(budget, received, months[-1]))


def present_against_goal(session: Session, present: date) -> SupportMonth | None:
    """The month `present` with what came in so far in its goal's currency alone; None without a goal. One query."""
    same = (SupportPayment.currency == SupportGoal.currency, SupportPayment.exponent == SupportGoal.exponent)
    received = select(func.sum(SupportPayment.minor_units)).where(SupportPayment.day >= present, *same)
    count = select(func.count(SupportPayment.id)).where(SupportPayment.day >= present, *same)
    query = select(SupportGoal, received.scalar_subquery(), count.scalar_subquery())
    held = query.where(SupportGoal.month <= present).order_by(SupportGoal.month.desc()).limit(1)
    row = session.execute(held).first()
    if row is None or not row[0].minor_units:
        return None
    goal, minor_units, payments = row
    amount = of_minor_units(int(minor_units or 0), goal.currency, goal.exponent)
    return SupportMonth(present, goal.money, amount, [], payments, payments)


def support_months(budget: Budget, received: dict[date, Received], months: Sequence[date]) -> list[SupportMonth]:
    """The support of these months, each in the currency of its goal; without one, in the usual one."""
    usual = _usual_currency(budget, received)
    found = []
    for month in months:
        goal, got = budget.goal(month), received.get(month, Received())
        currency = goal.currency if goal else usual
        amount = Money(got.in_currency(currency), currency)
        others, counts = got.others(currency), got.counts
        found.append(SupportMonth(month, goal, amount, others, counts.total(), counts[currency]))
    return found


def _usual_currency(budget: Budget, received: dict[date, Received]) -> str:
    """The currency of the last goal; else the one that came in most months."""
    if budget.last_goal_currency:
        return budget.last_goal_currency
    months = Counter(currency for each in received.values() for currency in sorted(each.amounts))
    return months.most_common(1)[0][0] if months else FIRST_CURRENCY


def _surplus(budget: Budget, received: dict[date, Received], present: SupportMonth) -> Money | None:
    first, currency = budget.first_month_of_costs, present.received.currency
    last = months_before(present.month, 1)
    if first is None or first > last:
        return None
    total = NOTHING
    for month in months_from(first, last):
        costs = sums(budget.costs(month).values())
        if set(costs) - {currency}:
            return None
        total += received.get(month, Received()).in_currency(currency) - costs.get(currency, NOTHING)
    return Money(total, currency)
