"""The events that end a subscription at once.

Some others end it when they are repeated: see `soft_bounces` and `refused_mailboxes`.
"""

from __future__ import annotations

from newsletter.delivery.events.event_kinds import EventKind
from newsletter.subscribers.models import SuppressionReason

ENDS: dict[EventKind, SuppressionReason] = {
    EventKind.BOUNCED: SuppressionReason.BOUNCED,
    EventKind.COMPLAINED: SuppressionReason.COMPLAINED,
    EventKind.UNSUBSCRIBED: SuppressionReason.UNSUBSCRIBED,
}
"""The reason that a suppression gets, for each of them."""
