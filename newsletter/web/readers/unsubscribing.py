"""The unsubscribe link: a page with a button, and RFC 8058 one-click at the same address. The answer has an undo, whose
token no other page holds, and four answers for readers who want to say why.
"""

from __future__ import annotations

from flask import render_template, request

from newsletter.core import public_paths
from newsletter.core.runtime import runtime
from newsletter.subscribers.account import links, unsubscribing
from newsletter.subscribers.account.links import PastSubscriptionError
from newsletter.subscribers.models import Subscriber
from newsletter.subscribers.preferences import Preferences
from newsletter.subscribers.status_transitions import ENDED
from newsletter.web.readers.blueprint import enqueue_mail, pages, render_for
from newsletter.web.readers.data_labels import REASONS


@pages.get(public_paths.unsubscribing("<token>"))
@pages.get(public_paths.undo_unsubscribing("<token>"), endpoint="undo_page")
@pages.get(public_paths.unsubscribe_reason("<token>"), endpoint="reason_page")
def unsubscribe_page(token: str) -> str:
    """Show the button, unless the subscription has ended."""
    with runtime().db.reading() as session:
        try:
            reader = links.reader_of_token(session, token)
        except PastSubscriptionError:
            return render_template("past_subscription.html")
    return _page(reader)


@pages.post(public_paths.unsubscribing("<token>"))
def unsubscribe(token: str) -> str:
    """The button, and the mail provider's one-click: 200 without a redirect. The body is not read: RFC 8058 3.2 lets it
    be urlencoded or multipart, without cookies or any other context.
    """
    with runtime().db.transaction() as session:
        try:
            reader, has_ended = unsubscribing.unsubscribe(session, token)
        except PastSubscriptionError:
            return render_template("past_subscription.html")
    keys = runtime().settings.signing_keys
    return _page(reader, undo=unsubscribing.undo_token(keys, reader) if has_ended else "")


@pages.post(public_paths.undo_unsubscribing("<token>"))
def undo(token: str) -> str:
    """Undo it."""
    undo = request.form.get("undo", "")
    with runtime().db.transaction() as session:
        reader, mail = unsubscribing.undo_unsubscribe(session, runtime().settings, token, undo)
    enqueue_mail(mail)
    return render_for(reader, "resubscribed.html", preferences=Preferences.of(reader))


@pages.post(public_paths.unsubscribe_reason("<token>"))
def reason(token: str) -> str:
    """Keep why a reader unsubscribed. The page may be the answer to unsubscribing, whose undo goes on then."""
    undo = request.form.get("undo", "")
    with runtime().db.transaction() as session:
        reader = unsubscribing.give_reason(session, token, request.form.get("reason", ""))
    may_undo = unsubscribing.may_undo(runtime().settings.signing_keys, reader, undo)
    return _page(reader, has_answered=True, undo=undo if may_undo else "")


def _page(reader: Subscriber, *, has_answered: bool = False, undo: str = "") -> str:
    if reader.status not in ENDED:
        return render_for(reader, "unsubscribe.html")
    return render_for(
        reader,
        "unsubscribed.html",
        has_answered=has_answered,
        reasons=REASONS,
        undo=undo,
    )
