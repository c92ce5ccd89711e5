"""Goals and costs. Each holds from a month on, until a later one replaces it, so that past months keep theirs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.core.db import Base, dialect_insert
from newsletter.core.errors import InvalidError
from newsletter.core.text_direction import keep_direction
from newsletter.support.models import SupportCost, SupportGoal
from newsletter.support.money import Money
from newsletter.support.months import month_of

LONGEST_NAME = 100
"""Characters of a cost's name."""


class Budget:
    """All goals and costs, read at once. Editors type each of them, so there are few."""

    def __init__(self, goals: Sequence[SupportGoal], costs: Sequence[SupportCost]) -> None:
        self._goals, self._costs = goals, costs

    def goal(self, month: date) -> Money | None:
        """The goal of a month; None when there is none."""
        held = [goal for goal in self._goals if goal.month <= month]
        goal = max(held, key=lambda each: each.month, default=None)
        return goal.money if goal is not None and goal.minor_units else None

    def costs(self, month: date) -> dict[str, Money]:
        """The costs of a month by name, the largest first within the goal's currency, which comes first."""
        held: dict[str, SupportCost] = {}
        for cost in sorted(self._costs, key=lambda each: each.month):
            if cost.month <= month:
                held[cost.name] = cost
        goal = self.goal(month)
        currency = goal.currency if goal else ""
        found = [(cost.name, cost.money) for cost in held.values() if cost.minor_units]
        found.sort(key=lambda each: (each[1].currency != currency, each[1].currency, -each[1].amount, each[0]))
        return dict(found)

    @property
    def last_goal_currency(self) -> str:
        """The currency of the last goal that was set; empty without any."""
        last = max(self._goals, key=lambda each: each.month, default=None)
        return last.currency if last else ""

    @property
    def first_month_of_costs(self) -> date | None:
        """The month from which there are costs."""
        return min((cost.month for cost in self._costs), default=None)


def read_budget(session: Session) -> Budget:
    """Read all goals and costs: two queries."""
    return Budget(session.scalars(select(SupportGoal)).all(), session.scalars(select(SupportCost)).all())


def read_goals(session: Session) -> Budget:
    """Read all goals, and no costs: one query."""
    return Budget(session.scalars(select(SupportGoal)).all(), ())


def set_goal(session: Session, month: date, money: Money) -> None:
    """Set the goal from `month` on; an amount of 0 ends it."""
    _put(session, SupportGoal, ["month"], {"month": month_of(month)}, money)


def set_cost(session: Session, name: str, month: date, money: Money) -> None:
    """Set the cost `name` from `month` on; an amount of 0 ends it. Raises InvalidError for a name that is empty, too
    long or unprintable.
    """
    name = " ".join(keep_direction(name).split())
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise InvalidError(
            "support.cost_name", "The name of a cost has 1 to %(most)s characters.", most=str(LONGEST_NAME)
        )
    _put(session, SupportCost, ["name", "month"], {"name": name, "month": month_of(month)}, money)


def _put(session: Session, model: type[Base], key: list[str], values: dict[str, Any], money: Money) -> None:
    amount = {"currency": money.currency, "exponent": money.exponent, "minor_units": money.minor_units}
    statement = dialect_insert(session, model).values(**values, **amount)
    session.connection().execute(statement.on_conflict_do_update(index_elements=key, set_=amount))
