"""Requests to sign up: one row each, whoever has the address. `process_signups` decides what comes of it."""

from __future__ import annotations

from sqlalchemy import insert

from newsletter.core.db import Database, table_of
from newsletter.core.languages import ENGLISH, gettext_noop, language_of
from newsletter.subscribers import addresses
from newsletter.subscribers.models import SignupRequest
from newsletter.subscribers.preferences import Preferences

AGREEMENT = gettext_noop(
    "By signing up you agree that %(publication)s emails you the letter you chose, from when you confirm until you "
    "unsubscribe. Every letter has a link to unsubscribe with one click."
)
"""The sentence beside the button, and kept with each sign-up as what was agreed to."""

INSERT = insert(table_of(SignupRequest))


def agreement_text(publication: str, language: str = ENGLISH) -> str:
    """The words that a reader agrees to by signing up, in the language of the page."""
    return language_of(language).gettext(AGREEMENT) % {"publication": publication}


def request_signup(
    db: Database, address: str, preferences: Preferences, *, page: str, wording: str, rank: int = 1
) -> None:
    """Keep that somebody signed `address` up, on this `page` beside this `wording`. It is committed on return.

    `rank` counts the recent sign-ups of the network; low ranks are processed first. Raises InvalidError when `address`
    is none.
    """
    db.insert_together(INSERT, signup_row(address, preferences, page=page, wording=wording, rank=rank))


def signup_row(address: str, preferences: Preferences, *, page: str, wording: str, rank: int = 1) -> dict[str, object]:
    """The row of a sign-up, for INSERT. Raises InvalidError when `address` is none."""
    address = addresses.normalise(address)
    return {
        "address": address,
        "address_key": addresses.identity_key(address),
        "preferences": preferences.columns(),
        "page": page,
        "wording": wording,
        "rank": rank,
    }
