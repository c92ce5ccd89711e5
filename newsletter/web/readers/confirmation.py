"""The link of a confirmation mail."""

from __future__ import annotations

from flask import render_template

from newsletter.core.runtime import runtime
from newsletter.subscribers.models import Subscriber, SubscriberStatus
from newsletter.subscribers.preferences import Preferences
from newsletter.subscribers.signup import confirmation
from newsletter.web.readers.blueprint import pages


@pages.get("/confirm/<token>")
def confirm_page(token: str) -> str:
    """Shows the button; whoever is active already is told so."""
    with runtime().db.reading() as session:
        reader = confirmation.reader_of_link(session, runtime().settings, token)
        if reader.status == SubscriberStatus.ACTIVE:
            return _confirmed(reader)
        return render_template("confirm.html", reader=reader, preferences=Preferences.of(reader))


@pages.post("/confirm/<token>")
def confirm(token: str) -> str:
    """The button: from now on the letter comes."""
    with runtime().db.transaction() as session:
        reader = confirmation.confirm_subscription(session, runtime().settings, token)
    return _confirmed(reader)


def _confirmed(reader: Subscriber) -> str:
    return render_template("confirmed.html", reader=reader, preferences=Preferences.of(reader))
