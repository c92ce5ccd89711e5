"""Signing up: what the door writes. It is one row, whoever's address it is; `deciding` says what comes of it."""

from __future__ import annotations

from sqlalchemy import insert
from sqlalchemy.orm import Session

from newsletter.core.db import table_of
from newsletter.subscribers import addresses
from newsletter.subscribers.models import SignupRequest
from newsletter.subscribers.preferences import Preferences

AGREEMENT = (
    "By signing up you agree that {publication} mails you the letter that you chose, from when you confirm until you "
    "leave. Every letter has a link to leave with one click."
)
"""The sentence beside the button, and kept with each sign-up as what was agreed to."""

_INSERT = insert(table_of(SignupRequest))


def agreement_text(publication: str) -> str:
    """The words that a reader agrees to by signing up."""
    return AGREEMENT.format(publication=publication)


def request_signup(
    session: Session, address: str, wanted: Preferences, *, page: str, wording: str, rank: int = 1
) -> None:
    """Write down that somebody signed `address` up, on this `page` beside this `wording`.

    `rank`: which sign-up of its network it is in a while; the lower ones are worked off first. Raises InvalidError when
    `address` is none.
    """
    address = addresses.normalise(address)
    row = {
        "address": address,
        "address_key": addresses.identity_key(address),
        "preferences": wanted.columns(),
        "page": page,
        "wording": wording,
        "rank": rank,
    }
    session.connection().execute(_INSERT, row)
