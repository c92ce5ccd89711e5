"""The provider's tracking of opens and clicks, as a transport knows it from the very requests that it sent."""

from __future__ import annotations

from enum import StrEnum


class Tracking(StrEnum):
    """The provider's tracking in the requests for a batch. `worse` orders the words, the best one first."""

    NOT_OFFERED = "not_offered"
    """Finished messages were handed over: there is nothing in them that could switch tracking on or off."""
    OFF = "off"
    """The body of each request switched it off."""
    UNKNOWN = "unknown"
    """A request may have been sent, and no record of it was kept."""
    ON = "on"
    """The body of a request did not switch it off."""


def worse(one: Tracking | None, other: Tracking | None) -> Tracking | None:
    """The worse of two words: what holds for their requests together. None stands for no request."""
    order = [None, *Tracking]
    return max(one, other, key=order.index)
