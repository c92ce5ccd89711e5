"""Finding a subscriber by the address."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.core.errors import NotFoundError
from newsletter.core.ids import AddressKey, SuppressionKey
from newsletter.subscribers import addresses
from newsletter.subscribers.models import Subscriber
from newsletter.subscribers.suppression import suppressions


def find_by_key(session: Session, address_key: AddressKey, *, for_change: bool = False) -> Subscriber | None:
    """The subscriber with this identity of an address; `for_change` locks the row."""
    query = select(Subscriber).where(Subscriber.address_key == address_key)
    return session.scalar(query.with_for_update() if for_change else query)


def get_by_address(session: Session, suppression_key: SuppressionKey, address: str) -> Subscriber:
    """The subscriber with this address, however it is spelled.

    Raises InvalidError when `address` is none, and NotFoundError without the address in it: it may say why the address
    is suppressed.
    """
    address_key = addresses.identity_key(addresses.normalise(address))
    reader = find_by_key(session, address_key)
    if reader is not None:
        return reader
    reason = suppressions.reason_for(session, suppression_key, address_key)
    if reason is None:
        raise NotFoundError("subscriber.not_found", "No reader has this address.")
    raise NotFoundError(
        "subscriber.suppressed", "No reader has this address. It must not be mailed: %(reason)s.", reason=reason
    )
