"""The table of transitions: which action takes a subscriber from which statuses to which.

`subscribers.lifecycle`, `subscribers.reported_ends` and the SQL of `subscribers.bulk_insert` write what stands here,
and nothing else does.
"""

from __future__ import annotations

from dataclasses import dataclass

from newsletter.subscribers.models import SubscriberStatus

PENDING, ACTIVE, UNSUBSCRIBED, BOUNCED, COMPLAINED = SubscriberStatus

ENDED = (UNSUBSCRIBED, BOUNCED, COMPLAINED)
"""The statuses without letters. Only a confirmation, an undo or an operator leads back from them."""


@dataclass(frozen=True)
class SubscriberTransition:
    """An action; `sources` are the statuses that it may start from, `target` is the status that it leads to.

    None stands for "no such subscriber": before a sign-up, and after an erasure.
    """

    action: str
    sources: tuple[SubscriberStatus | None, ...]
    target: SubscriberStatus | None

    @property
    def statuses(self) -> tuple[SubscriberStatus, ...]:
        """The sources without None, for conditions in SQL."""
        return tuple(status for status in self.sources if status is not None)


CREATE = SubscriberTransition("create", (None,), PENDING)
CONFIRM = SubscriberTransition("confirm", (PENDING, UNSUBSCRIBED, BOUNCED), ACTIVE)
IMPORT = SubscriberTransition("import", (None, PENDING), ACTIVE)
UNSUBSCRIBE = SubscriberTransition("unsubscribe", (PENDING, ACTIVE), UNSUBSCRIBED)
UNDO_UNSUBSCRIBE = SubscriberTransition("undo unsubscribe", (UNSUBSCRIBED,), ACTIVE)
UNDO_UNCONFIRMED = SubscriberTransition("undo unsubscribe, not confirmed", (UNSUBSCRIBED,), PENDING)
BOUNCE = SubscriberTransition("bounce", (PENDING, ACTIVE, UNSUBSCRIBED), BOUNCED)
COMPLAIN = SubscriberTransition("complain", (PENDING, ACTIVE, UNSUBSCRIBED, BOUNCED), COMPLAINED)
UNBOUNCE = SubscriberTransition("unbounce", (BOUNCED,), ACTIVE)
UNSUPPRESS = SubscriberTransition("unsuppress", (COMPLAINED,), UNSUBSCRIBED)
CHANGE_ADDRESS = SubscriberTransition("change address", (ACTIVE,), ACTIVE)
UNDO_CHANGE = SubscriberTransition("undo change of address", (ACTIVE, UNSUBSCRIBED, BOUNCED, COMPLAINED), ACTIVE)
ERASE = SubscriberTransition("erase", tuple(SubscriberStatus), None)

REDUCE = SubscriberTransition("reduce", ENDED, None)

TRANSITIONS = (
    *(CREATE, CONFIRM, IMPORT, UNSUBSCRIBE, UNDO_UNSUBSCRIBE, UNDO_UNCONFIRMED, BOUNCE, COMPLAIN, UNBOUNCE),
    *(UNSUPPRESS, CHANGE_ADDRESS, UNDO_CHANGE, ERASE, REDUCE),
)
