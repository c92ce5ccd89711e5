"""Reading a batch's outcome bytes: what state they make, and who is in doubt."""

from __future__ import annotations

from collections.abc import Iterable

from newsletter.delivery.ledger.models import BatchState
from newsletter.mail.outcomes import DEFERRED, IN_DOUBT, WAITING


def batch_state(outcomes: bytes) -> BatchState:
    """The state of a batch that nobody holds."""
    if IN_DOUBT in outcomes:
        return BatchState.IN_DOUBT
    return BatchState.READY if WAITING in outcomes or DEFERRED in outcomes else BatchState.DONE


def all_in_doubt(outcomes: bytes) -> bytes:
    """Everyone without an answer is in doubt."""
    return outcomes.replace(bytes([WAITING]), bytes([IN_DOUBT])).replace(bytes([DEFERRED]), bytes([IN_DOUBT]))


def assume_in_doubt(outcomes: Iterable[int], places: Iterable[int]) -> bytes:
    """`outcomes` with those at `places` in doubt who have no answer yet: they are in a request."""
    ahead = bytearray(outcomes)
    for place in places:
        if ahead[place] in (WAITING, DEFERRED):
            ahead[place] = IN_DOUBT
    return bytes(ahead)
