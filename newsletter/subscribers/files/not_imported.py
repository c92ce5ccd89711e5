"""Readers whom an import leaves out: their subscriptions have ended here, or their addresses must not be mailed."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy.orm import Session

from newsletter.core.ids import AddressKey, SuppressionKey
from newsletter.subscribers.files.ended_elsewhere import statuses_of
from newsletter.subscribers.models import SubscriberStatus
from newsletter.subscribers.suppression import suppressions

NOT_BROUGHT_BACK = {
    SubscriberStatus.UNSUBSCRIBED: "The reader of this address has unsubscribed.",
    SubscriberStatus.BOUNCED: "Mail to this address bounced.",
    SubscriberStatus.COMPLAINED: "The reader of this address has complained about a mail.",
}
SUPPRESSED = "This address must not be mailed: its reader unsubscribed or was erased, or it bounced or complained."


def reasons_not_to_import(
    session: Session, key: SuppressionKey, readers: Collection[AddressKey]
) -> dict[AddressKey, str | None]:
    """The reason to leave out each reader who is not active yet; None for those who come in.

    Sorted, so that two imports at once lock the same rows in the same order.
    """
    status = statuses_of(session, list(readers))
    candidates = [each for each in readers if status.get(each, SubscriberStatus.PENDING) == SubscriberStatus.PENDING]
    suppressed = suppressions.suppressed_among(session, key, candidates)
    return {
        each: SUPPRESSED if each in suppressed else NOT_BROUGHT_BACK.get(status.get(each, SubscriberStatus.PENDING))
        for each in sorted(readers)
        if status.get(each) != SubscriberStatus.ACTIVE
    }
