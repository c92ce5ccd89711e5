"""The pause between two mails to one address that somebody requests: it doubles with each mail in a row."""

from __future__ import annotations

from datetime import timedelta

FIRST_PAUSE = timedelta(minutes=10)
"""One mail at most in this time for an address, however often and by whomever it is requested. So a victim of list
bombing gets a handful of mails on the first day, and one on each day after it."""
LONGEST_PAUSE = timedelta(days=1)
RESET_AFTER = timedelta(days=3)
"""After this time without a request, the pauses begin anew."""


def pause_after(mails_in_a_row: int) -> timedelta:
    """The pause after this number of mails in a row."""
    doublings = min(max(mails_in_a_row - 1, 0), 16)
    return min(FIRST_PAUSE * (1 << doublings), LONGEST_PAUSE)
