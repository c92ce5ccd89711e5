"""The link of a confirmation mail."""

from __future__ import annotations

from flask import render_template

from newsletter.core.runtime import runtime
from newsletter.subscribers import confirming
from newsletter.subscribers.choices import Choices
from newsletter.subscribers.models import Status, Subscriber
from newsletter.web.readers.blueprint import pages


@pages.get("/confirm/<token>")
def confirm_page(token: str) -> str:
    """Shows the button; whoever is active already is told so."""
    with runtime().db.reading() as session:
        reader = confirming.who(session, runtime().settings, token)
        if reader.status == Status.ACTIVE:
            return _confirmed(reader)
        return render_template("confirm.html", reader=reader, choices=Choices.of(reader))


@pages.post("/confirm/<token>")
def confirm(token: str) -> str:
    """The button: from now on the letter comes."""
    with runtime().db.transaction() as session:
        reader = confirming.confirm(session, runtime().settings, token)
    return _confirmed(reader)


def _confirmed(reader: Subscriber) -> str:
    return render_template("confirmed.html", reader=reader, choices=Choices.of(reader))
