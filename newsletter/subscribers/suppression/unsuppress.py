"""Ending a suppression by hand, with a reason that is kept: the only way back after a complaint."""

from __future__ import annotations

from sqlalchemy.orm import Session

from newsletter.core.actors import Actor
from newsletter.core.errors import InvalidError, NotFoundError
from newsletter.core.ids import SuppressionKey
from newsletter.subscribers import addresses, queries, reported_ends
from newsletter.subscribers.models import SuppressionReason, Unsuppression
from newsletter.subscribers.suppression import suppressions

LONGEST_REASON = 500
"""Characters."""


def unsuppress(
    session: Session, suppression_key: SuppressionKey, address: str, why: str, *, by: Actor
) -> SuppressionReason:
    """End the suppression of an address, whatever its reason; returns that reason.

    The reader gets no letter by it, but may sign up and confirm again. Raises InvalidError without a `why`, and
    NotFoundError for an address that is not suppressed.
    """
    why = " ".join(why.split())
    if not why or len(why) > LONGEST_REASON or not why.isprintable():
        raise InvalidError(
            "unsuppress.no_reason",
            "A reason of at most %(longest)s characters is needed, since it is kept.",
            longest=LONGEST_REASON,
        )
    address_key = addresses.identity_key(addresses.normalise(address))
    reader = queries.find_by_key(session, address_key, for_change=True)
    suppression = suppressions.find_suppression(session, suppression_key, address_key)
    if suppression is None:
        raise NotFoundError("unsuppress.not_suppressed", "This address is not suppressed.")
    reason, since = suppression.reason, suppression.created_at
    while suppression is not None:  # one may stand under the former identity too
        session.add(Unsuppression(key_hash=suppression.key_hash, reason=suppression.reason, why=why))
        session.delete(suppression)
        session.flush()
        suppression = suppressions.find_suppression(session, suppression_key, address_key)
    if reader is not None:
        reported_ends.unsuppress(session, reader, since, by=by)
    return reason
