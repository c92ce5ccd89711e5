"""Supporters in their own words: those who said at Ko-fi that their payment is public."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.errors import NotFoundError
from newsletter.support.models import SupportPayment

MOST_SHOWN = 12


def public_words(session: Session, limit: int = MOST_SHOWN) -> Sequence[SupportPayment]:
    """The newest public payments with words that no editor hid."""
    query = select(SupportPayment).where(SupportPayment.words.is_not(None), SupportPayment.hidden_at.is_(None))
    return session.scalars(query.order_by(SupportPayment.day.desc(), SupportPayment.id.desc()).limit(limit)).all()


def newest_payments(session: Session, limit: int) -> Sequence[SupportPayment]:
    """The newest payments, private ones and hidden words among them."""
    query = select(SupportPayment).order_by(SupportPayment.day.desc(), SupportPayment.id.desc())
    return session.scalars(query.limit(limit)).all()


def hide_words(session: Session, payment_id: int) -> None:
    """Hide name and words from the page. Raises NotFoundError."""
    _change(session, payment_id, hidden_at=func.coalesce(SupportPayment.hidden_at, clock.now()))


def show_words(session: Session, payment_id: int) -> None:
    """Show hidden words again. Raises NotFoundError."""
    _change(session, payment_id, hidden_at=None)


def delete_words(session: Session, payment_id: int) -> None:
    """Delete name and words for good: the payment is a private one from now on. Raises NotFoundError."""
    _change(session, payment_id, is_public=False, name=None, words=None, hidden_at=None)


def _change(session: Session, payment_id: int, **values: object) -> None:
    changed = session.scalar(
        update(SupportPayment)
        .where(SupportPayment.id == payment_id, SupportPayment.is_public)
        .values(values)
        .returning(SupportPayment.id)
    )
    if changed is None:
        raise NotFoundError(
            "support.no_public_payment", "There is no public payment %(payment)s.", payment=str(payment_id)
        )
