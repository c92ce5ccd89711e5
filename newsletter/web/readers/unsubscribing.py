"""The unsubscribe link: a page with a button, and RFC 8058 one-click at the same address. After it, an undo, and four
words for those who want to say why.
"""

from __future__ import annotations

from flask import render_template, request

from newsletter.core.runtime import runtime
from newsletter.subscribers.account import links, unsubscribing
from newsletter.subscribers.account.unsubscribing import UNDO_WITHIN
from newsletter.subscribers.models import Subscriber, UnsubscribeReason
from newsletter.subscribers.preferences import Preferences
from newsletter.subscribers.transitions import ENDED
from newsletter.web.readers.blueprint import pages

WORDS = {
    UnsubscribeReason.OFTEN: "It came too often",
    UnsubscribeReason.CONTENT: "The stories were not for me",
    UnsubscribeReason.TRUST: "I did not trust it",
    UnsubscribeReason.OTHER: "Something else",
}


@pages.get("/unsubscribe/<token>")
@pages.get("/unsubscribe/<token>/undo", endpoint="undo_page")
@pages.get("/unsubscribe/<token>/reason", endpoint="reason_page")
def unsubscribe_page(token: str) -> str:
    """Shows the button; whoever has left already is told so."""
    with runtime().db.reading() as session:
        reader = links.reader_of_token(session, token)
        return _left(reader) if reader.status in ENDED else render_template("unsubscribe.html", reader=reader)


@pages.post("/unsubscribe/<token>")
def unsubscribe(token: str) -> str:
    """The button, and the mail provider's one-click: 200 without a redirect, and whatever the body is, it is not read
    (RFC 8058 3.2 lets it be urlencoded or multipart, without cookies or any other context).
    """
    with runtime().db.transaction() as session:
        reader = unsubscribing.unsubscribe(session, token)
    return _left(reader)


@pages.post("/unsubscribe/<token>/undo")
def undo(token: str) -> str:
    """Takes it back, for a day."""
    with runtime().db.transaction() as session:
        reader = unsubscribing.undo_unsubscribe(session, runtime().settings.suppression_key, token)
    return render_template("resubscribed.html", reader=reader, preferences=Preferences.of(reader))


@pages.post("/unsubscribe/<token>/reason")
def reason(token: str) -> str:
    """One press says why; nobody has to."""
    with runtime().db.transaction() as session:
        reader = unsubscribing.give_reason(session, token, request.form.get("reason", ""))
    if reader.status not in ENDED:
        return render_template("unsubscribe.html", reader=reader)
    return _left(reader, thanks=True)


def _left(reader: Subscriber, *, thanks: bool = False) -> str:
    hours = int(UNDO_WITHIN.total_seconds()) // 3600
    may_undo = unsubscribing.may_undo(reader)
    return render_template(
        "unsubscribed.html", reader=reader, thanks=thanks, reasons=WORDS, may_undo=may_undo, hours=hours
    )
