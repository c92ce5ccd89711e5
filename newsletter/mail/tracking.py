"""The provider's tracking of opens and clicks, as the requests say that a transport sent."""

from __future__ import annotations

from enum import StrEnum


class Tracking(StrEnum):
    """The provider's tracking in the requests for a batch. The best comes first, for `worse`."""

    NOT_OFFERED = "not_offered"
    """Finished messages were handed over: there is nothing in them that could switch tracking on or off."""
    OFF = "off"
    """The body of each request switched it off."""
    UNKNOWN = "unknown"
    """A request may have been sent, and no record of it was kept."""
    ON = "on"
    """The body of a request did not switch it off."""


def worse(one: Tracking | None, other: Tracking | None) -> Tracking | None:
    """The worse of the two, which holds for their requests together. None stands for no request."""
    order = [None, *Tracking]
    return max(one, other, key=order.index)
