"""Job bodies: plain data in, one call to a room. What they do is tested without a queue."""

from __future__ import annotations

from newsletter.core.runtime import runtime
from newsletter.delivery import draining, signups, singles
from newsletter.delivery.events import inbox


def send_single(mail_id: int) -> None:
    """Send one row of the outgoing table."""
    singles.send(runtime(), mail_id)


def take_signups() -> None:
    """Decide on sign-ups and send their mails, and queue a successor while there may be more."""
    if signups.work_off(runtime()):
        runtime().queues.wake_signups()


def take_events() -> None:
    """Work off what providers reported, and queue a successor while there may be more."""
    if inbox.work_off(runtime()):
        runtime().queues.wake_events()


def drain() -> None:
    """Send batches for a while, and queue a successor while there may be more."""
    if draining.drain(runtime()):
        runtime().queues.wake_drain()
