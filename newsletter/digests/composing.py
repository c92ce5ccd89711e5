"""Composing: articles are picked by rule into a draft, and words are set on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.articles import queries
from newsletter.articles.models import Revision
from newsletter.core import clock
from newsletter.core.cadence import Cadence
from newsletter.core.errors import ConflictError, InvalidError
from newsletter.digests.models import MOST_ARTICLES, Digest, DigestArticle, DigestStatus
from newsletter.digests.queries import get_digest
from newsletter.digests.text import is_plain

Order = Literal["newest", "trust"]

PERIOD = {
    Cadence.DAILY: timedelta(days=1),
    Cadence.WEEKLY: timedelta(days=7),
    Cadence.MONTHLY: timedelta(days=31),
    Cadence.BREAKING: timedelta(days=1),
}
"""How far back a digest of a cadence looks when the rule does not say `since`."""


@dataclass(frozen=True)
class Rule:
    """What goes into a digest."""

    cadence: Cadence
    since: date | None = None
    """The earliest date of an article; None: one period of the cadence back."""
    sections: Sequence[str] | None = None
    min_trust: int = 0
    limit: int = 10
    order: Order = "newest"


def compose_draft(
    session: Session, rule: Rule, *, subject: str | None = None, preheader: str | None = None, intro: str = ""
) -> Digest:
    """A new draft by `rule`. Words that are not given are made from the headlines.

    Raises InvalidError when the rule is impossible, no article fits it, or words hold what no text can.
    """
    if not 1 <= rule.limit <= MOST_ARTICLES:
        raise InvalidError(f"A digest holds from 1 to {MOST_ARTICLES} articles, not {rule.limit}.")
    for section in rule.sections or ():
        _check("section", section)
    since = rule.since or (clock.now() - PERIOD[rule.cadence]).date()
    revisions = queries.select_for_digest(
        session,
        since=since,
        sections=list(rule.sections) if rule.sections else None,
        min_trust=rule.min_trust,
        limit=rule.limit,
        order=rule.order,
    )
    if not revisions:
        raise InvalidError(f"No article since {since:%Y-%m-%d} fits the rule: import articles or widen it.")
    digest = Digest(
        cadence=rule.cadence,
        subject=_line("subject", subject or _subject(rule.cadence, revisions[0].title)),
        preheader=_line("preheader", _headlines(revisions[1:]) if preheader is None else preheader),
        intro=_intro(intro),
        items=[DigestArticle(position=i, revision=revision) for i, revision in enumerate(revisions)],
    )
    session.add(digest)
    session.flush()
    return digest


def edit_draft(
    session: Session,
    digest_id: int,
    *,
    subject: str | None = None,
    preheader: str | None = None,
    intro: str | None = None,
) -> Digest:
    """Set words on a draft. Raises ConflictError once it is scheduled: what is scheduled stays as it was checked.
    Raises InvalidError for words that cannot be taken.
    """
    digest = get_digest(session, digest_id)
    if digest.status != DigestStatus.DRAFT:
        raise ConflictError(f"Digest {digest_id} is {digest.status}, and only a draft can be edited.")
    if subject is not None:
        digest.subject = _line("subject", subject)
    if preheader is not None:
        digest.preheader = _line("preheader", preheader)
    if intro is not None:
        digest.intro = _intro(intro)
    return digest


def newest_digests(session: Session, limit: int = 50) -> list[Digest]:
    """Digests, the newest first."""
    return list(session.scalars(select(Digest).order_by(Digest.id.desc()).limit(limit)))


def _subject(cadence: str, headline: str) -> str:
    """The first headline; readers who get a letter out of turn see why."""
    return f"Breaking news: {headline}" if cadence == Cadence.BREAKING else headline


def _headlines(revisions: Sequence[Revision]) -> str:
    return " · ".join(revision.title for revision in revisions[:3])[:200]


def _line(name: str, text: str) -> str:
    _check(name, text)
    text = " ".join(text.split())
    if not text and name == "subject":
        raise InvalidError("The subject is empty: a letter needs one.")
    if len(text) > 250:
        raise InvalidError(f"The {name} has {len(text)} characters; 250 are the most.")
    return text


def _intro(text: str) -> str:
    _check("intro", text)
    return text.strip()


def _check(name: str, text: str) -> None:
    if not is_plain(text):
        raise InvalidError(f"The {name} holds a control character, or bytes that are no UTF-8.")
