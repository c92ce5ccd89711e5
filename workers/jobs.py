"""Job bodies: plain data in, one call each. The functions that they call are tested without a queue."""

from __future__ import annotations

from newsletter.core.runtime import runtime
from newsletter.delivery.events import webhook_deliveries
from newsletter.delivery.sending import draining
from newsletter.operations import link_checks, transactional_sending, websub


def send_mails() -> None:
    """Decide on sign-ups and send transactional mails, and queue a successor while there may be more."""
    if transactional_sending.send_waiting_mails(runtime()):
        runtime().queues.enqueue_mails()


def process_events() -> None:
    """Apply what providers reported, and queue a successor while there may be more."""
    if webhook_deliveries.process_deliveries(runtime()):
        runtime().queues.enqueue_events()


def drain() -> None:
    """Send batches for a while, and queue a successor while there may be more."""
    if draining.drain(runtime()):
        runtime().queues.enqueue_drain()


def probe_links() -> None:
    """Probe the links that editors wait for, and queue a successor while there may be more."""
    if link_checks.probe_wanted(runtime()):
        runtime().queues.enqueue_links()


def tell_hub() -> None:
    """Tell the WebSub hub, if one is set, that there is something new in the feeds."""
    websub.tell_hub(runtime())
