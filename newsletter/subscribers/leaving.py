"""Leaving: at once, for good, and without a question."""

from __future__ import annotations

from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.subscribers import links
from newsletter.subscribers.models import Status, Subscriber

ENDED = (Status.LEFT, Status.BOUNCED, Status.COMPLAINED)
"""No letter goes to these; leaving again keeps the reason and the time that are known."""


def leave(session: Session, token: str) -> Subscriber:
    """End the subscription that `token` belongs to; a repeat changes nothing. Raises LinkError."""
    reader = links.owner(session, token, for_change=True)
    if reader.status not in ENDED:
        reader.status = Status.LEFT
        reader.left_at = clock.now()
    return reader
