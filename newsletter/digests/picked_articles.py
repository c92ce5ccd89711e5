"""The articles that a draft begins with, picked by a rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, selectinload

from newsletter.articles.listed import is_listed
from newsletter.articles.models import Revision
from newsletter.core import clock
from newsletter.core.cadence import Cadence
from newsletter.core.errors import InvalidError
from newsletter.digests.models import MOST_ARTICLES
from newsletter.digests.text import require_plain

Order = Literal["newest", "trust"]

_ORDERS: dict[Order, tuple[ColumnElement[Any], ...]] = {
    "newest": (Revision.date.desc(), Revision.trust.desc(), Revision.article_id.desc()),
    "trust": (Revision.trust.desc(), Revision.date.desc(), Revision.article_id.desc()),
}

PERIOD = {
    Cadence.DAILY: timedelta(days=1),
    Cadence.WEEKLY: timedelta(days=7),
    Cadence.MONTHLY: timedelta(days=31),
    Cadence.BREAKING: timedelta(days=1),
}
"""How far back a digest of a cadence looks when the rule does not say `since`."""


@dataclass(frozen=True)
class Rule:
    """The conditions for articles of a new draft, the most that it takes, and their order."""

    cadence: Cadence
    since: date | None = None
    """The earliest date of an article; None: one period of the cadence back."""
    sections: Sequence[str] | None = None
    min_trust: int = 0
    limit: int = 10
    order: Order = "newest"
    """The order "newest" has the newest day first, and of a day the most trusted;
    "trust" the most trusted, and of equals the newest."""


def pick_articles(session: Session, rule: Rule) -> Sequence[Revision]:
    """The articles that a draft by `rule` begins with, in its order.

    Raises InvalidError when the rule is impossible or no article fits it.
    """
    if not 1 <= rule.limit <= MOST_ARTICLES:
        raise InvalidError(
            "digest.article_limit",
            "A digest holds from 1 to %(most)d articles, not %(limit)d.",
            most=MOST_ARTICLES,
            limit=rule.limit,
        )
    for section in rule.sections or ():
        require_plain("section", section)
    since = rule.since or (clock.now() - PERIOD[rule.cadence]).date()
    revisions = select_for_digest(
        session,
        since=since,
        sections=list(rule.sections) if rule.sections else None,
        min_trust=rule.min_trust,
        limit=rule.limit,
        order=rule.order,
    )
    if not revisions:
        raise InvalidError("digest.no_articles", "No article since %(since)s fits the rule.", since=since.isoformat())
    return revisions


def select_for_digest(
    session: Session,
    *,
    since: date | None,
    sections: Sequence[str] | None,
    min_trust: int,
    limit: int,
    order: Order,
) -> list[Revision]:
    """Listed articles, dated `since` or later, of these `sections` (None: any), with this trust at least.

    At most `limit` (1 or more) of them, in the order that `Rule.order` explains.
    """
    query = select(Revision).options(selectinload(Revision.article))
    query = query.where(is_listed(), Revision.trust >= min_trust)
    if since is not None:
        query = query.where(Revision.date >= since)
    if sections is not None:
        query = query.where(Revision.section.in_(sections))
    return list(session.scalars(query.order_by(*_ORDERS[order]).limit(limit)))
