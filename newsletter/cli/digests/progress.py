"""The progress of a digest for a person: a bar on stderr, and a sentence."""

from __future__ import annotations

import math
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from newsletter.cli.digests.figures import describe_figures, describe_hours
from newsletter.core.db import Database
from newsletter.delivery.reports.status import DigestState, digest_status
from newsletter.digests.models import DigestStatus

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

POLL_INTERVAL = 0.25
"""Seconds between two queries."""

_MOVING = (DigestStatus.SCHEDULED, DigestStatus.SENDING)


def watch(db: Database, digest_id: int) -> DigestState:
    """Show a bar with rate and time left until the digest is neither scheduled nor sending; its last state."""
    state = _read(db, digest_id)
    while state.status == DigestStatus.SCHEDULED:
        time.sleep(POLL_INTERVAL)
        state = _read(db, digest_id)
    pace = Pace(state, time.monotonic())
    with progress_bar(f"Digest {digest_id}", show_eta=False) as bar:
        while True:
            advance(bar, state, pace.describe(state, time.monotonic()))
            if state.status not in _MOVING:
                return state
            time.sleep(POLL_INTERVAL)
            state = _read(db, digest_id)


class Pace:
    """The rate since somebody began to watch, and the time left by it.

    Readers who were finished before count for neither: the bar's own estimate takes them for the work of a moment.
    """

    def __init__(self, state: DigestState, began: float) -> None:
        self._before = _finished(state)
        self._began = began

    def describe(self, state: DigestState, now: float) -> str:
        """The rate, and the time left for those who wait neither for their hour nor for an editor."""
        rate = (_finished(state) - self._before) / max(now - self._began, 0.001)
        left = state.waiting + state.deferred - state.until_hour
        if rate <= 0 or left <= 0:
            return f"{max(rate, 0):,.0f}/s"
        return f"{rate:,.0f}/s, {timedelta(seconds=math.ceil(left / rate))} left"


def progress_bar(label: str, *, show_eta: bool = True) -> ProgressBar[str]:
    """A bar on stderr, which `advance` moves; only a terminal shows it."""
    return click.progressbar(
        length=1, label=label, item_show_func=lambda text: text or "", show_pos=True, show_eta=show_eta, file=sys.stderr
    )


def advance(bar: ProgressBar[str], state: DigestState, item: str = "") -> None:
    """Move the bar to the state of the digest."""
    bar.length = max(state.recipients, 1)
    bar.update(_finished(state) - bar.pos, current_item=item)


def describe_state(state: DigestState) -> str:
    """The state in a sentence, without figures that are 0."""
    if state.recipients == 0 and state.status in (DigestStatus.DRAFT, DigestStatus.SCHEDULED):
        what = "a draft" if state.status == DigestStatus.DRAFT else "scheduled"
        return f"Digest {state.id} is {what}; nobody is counted yet."
    reason = f" ({state.paused_reason})" if state.paused_reason else ""
    hour = f"; {describe_hours(state.until_hour, state.last_hour)}" if state.last_hour else ""
    return f"Digest {state.id} is {state.status}{reason}, {describe_figures(state)}{hour}."


def _finished(state: DigestState) -> int:
    return state.recipients - state.open


def _read(db: Database, digest_id: int) -> DigestState:
    with db.reading() as session:
        return digest_status(session, digest_id)
