"""The unsubscribe link: a page with a button, and RFC 8058 one-click at the same address."""

from __future__ import annotations

from flask import render_template

from newsletter.core.runtime import runtime
from newsletter.subscribers import links
from newsletter.subscribers.leaving import ENDED, leave
from newsletter.web.readers.blueprint import pages


@pages.get("/unsubscribe/<token>")
def unsubscribe_page(token: str) -> str:
    """Shows the button; whoever has left already is told so."""
    with runtime().db.reading() as session:
        reader = links.owner(session, token)
        return render_template("left.html" if reader.status in ENDED else "unsubscribe.html", reader=reader)


@pages.post("/unsubscribe/<token>")
def unsubscribe(token: str) -> str:
    """The button, and the mail provider's one-click: 200 without a redirect, and whatever the body is, it is not read
    (RFC 8058 3.2 lets it be urlencoded or multipart, without cookies or any other context).
    """
    with runtime().db.transaction() as session:
        reader = leave(session, token)
    return render_template("left.html", reader=reader)
