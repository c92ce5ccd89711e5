"""The link of a confirmation mail."""

from __future__ import annotations

from newsletter.core import public_paths
from newsletter.core.runtime import runtime
from newsletter.subscribers.models import Subscriber, SubscriberStatus
from newsletter.subscribers.preferences import Preferences
from newsletter.subscribers.signup import confirmation
from newsletter.web.readers.blueprint import pages, render_for


@pages.get(public_paths.confirmation("<token>"))
def confirm_page(token: str) -> str:
    """Show the button; an active reader is told that nothing is left to do."""
    with runtime().db.reading() as session:
        reader = confirmation.reader_of_link(session, runtime().settings, token)
    if reader.status == SubscriberStatus.ACTIVE:
        return _confirmed(reader)
    return render_for(reader, "confirm.html", preferences=Preferences.of(reader))


@pages.post(public_paths.confirmation("<token>"))
def confirm(token: str) -> str:
    """Make the reader active."""
    with runtime().db.transaction() as session:
        reader = confirmation.confirm_subscription(session, runtime().settings, token)
    return _confirmed(reader)


def _confirmed(reader: Subscriber) -> str:
    return render_for(reader, "confirmed.html", preferences=Preferences.of(reader))
