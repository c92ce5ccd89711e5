"""Whether a digest went out: a mail of it was accepted, or may have been.

The clock puts digests into the list of letters once a mail was accepted. Until then a digest's own page asks the
ledger, so that the link in the first mail works when it arrives. A digest that was given to a provider ahead of its
time is not shown before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, selectinload

from newsletter.core import clock
from newsletter.core.db import has_byte
from newsletter.delivery.ledger.models import Batch, BatchState
from newsletter.digests import digest_search, lifecycle
from newsletter.digests.models import Digest, DigestArticle
from newsletter.mail.outcomes import ACCEPTED, IN_DOUBT, UNANSWERED, UNANSWERED_TWICE

MOST = 100
"""Digests that are put into the list at once."""

_PERHAPS = (ACCEPTED, IN_DOUBT, UNANSWERED, UNANSWERED_TWICE)


def may_have_gone_out(session: Session, digest: Digest) -> bool:
    """Whether somebody may have a mail of a digest whose time has come."""
    if digest.scheduled_at is None or digest.scheduled_at > clock.now():
        return False
    if digest.letter_since is not None:
        return True
    perhaps = or_(
        Batch.state.in_((BatchState.SENDING, BatchState.IN_DOUBT)),
        *(has_byte(Batch.outcomes, code) for code in _PERHAPS),
    )
    return session.scalar(select(_batch_of(digest.id, perhaps))) or False


def accepted_and_unlisted(session: Session) -> Sequence[int]:
    """The digests to be put into the list of letters: their time has come, and a mail of them was accepted."""
    return session.scalars(
        select(Digest.id)
        .where(Digest.letter_since.is_(None), Digest.letter_name.is_not(None), Digest.scheduled_at <= clock.now())
        .where(_batch_of(Digest.id, has_byte(Batch.outcomes, ACCEPTED)))
        .order_by(Digest.id)
        .limit(MOST)
    ).all()


def list_letters(session: Session, digest_ids: Sequence[int], zone: ZoneInfo) -> None:
    """Put these digests into the list of letters, and let the search find them."""
    lifecycle.list_letters(session, digest_ids)
    articles = selectinload(Digest.items).joinedload(DigestArticle.revision)
    for digest in session.scalars(select(Digest).where(Digest.id.in_(digest_ids)).options(articles)):
        digest_search.put_entry(session, digest, zone)


def _batch_of(digest_id: int | InstrumentedAttribute[int], condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return select(Batch.id).where(Batch.digest_id == digest_id, condition).exists()
