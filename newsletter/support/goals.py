"""Goals and costs. Each holds from a month on, until a later one replaces it, so that past months keep theirs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import null, select, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session

from newsletter.core.db import Base, dialect_insert
from newsletter.core.errors import InvalidError
from newsletter.core.text_direction import keep_direction
from newsletter.support.models import SupportCost, SupportGoal
from newsletter.support.money import Money, of_minor_units
from newsletter.support.months import month_of

LONGEST_NAME = 100
"""Characters of a cost's name."""


class _Set(NamedTuple):
    """An amount that was set from a month on: a goal without a name, or a cost."""

    name: str | None
    month: date
    money: Money


class Budget:
    """All goals and costs, read at once. Editors type each of them, so there are few."""

    def __init__(self, amounts: Sequence[_Set]) -> None:
        by_month = sorted(amounts, key=lambda each: each.month)
        self._goals = [each for each in by_month if each.name is None]
        self._costs = [each for each in by_month if each.name is not None]

    def goal(self, month: date) -> Money | None:
        """The goal of a month; None when there is none."""
        held = [goal.money for goal in self._goals if goal.month <= month]
        return held[-1] if held and held[-1].amount else None

    def costs(self, month: date) -> dict[str, Money]:
        """The costs of a month by name, the largest first within the goal's currency, which comes first."""
        held = {cost.name or "": cost.money for cost in self._costs if cost.month <= month}
        goal = self.goal(month)
        currency = goal.currency if goal else ""
        found = [(name, money) for name, money in held.items() if money.amount]
        found.sort(key=lambda each: (each[1].currency != currency, each[1].currency, -each[1].amount, each[0]))
        return dict(found)

    @property
    def last_goal_currency(self) -> str:
        """The currency of the last goal that was set; empty without any."""
        return self._goals[-1].money.currency if self._goals else ""

    @property
    def first_month_of_costs(self) -> date | None:
        """The month from which there are costs."""
        return self._costs[0].month if self._costs else None


def read_budget(session: Session) -> Budget:
    """Read all goals and costs: one query."""
    goals = select(null().label("name"), *_amount_of(SupportGoal))
    costs = select(SupportCost.name, *_amount_of(SupportCost))
    rows = session.execute(union_all(costs, goals))
    return Budget([_Set(name, month, of_minor_units(units, *kind)) for name, month, units, *kind in rows])


def _amount_of(model: type[SupportGoal | SupportCost]) -> tuple[InstrumentedAttribute[Any], ...]:
    return model.month, model.minor_units, model.currency, model.exponent


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
