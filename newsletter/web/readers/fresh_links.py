"""The buttons that mail a fresh link, with the link of any letter: to the reader's data, or to a change of address."""

from __future__ import annotations

from datetime import timedelta

from babel.dates import format_timedelta
from flask import render_template

from newsletter.core.runtime import runtime
from newsletter.subscribers import fresh, links
from newsletter.subscribers.fresh import Kind
from newsletter.subscribers.models import Subscriber
from newsletter.web.readers.blueprint import pages


@pages.get("/address-link/<token>", defaults={"kind": Kind.ADDRESS})
@pages.get("/data-link/<token>", defaults={"kind": Kind.DATA})
def fresh_link_page(token: str, kind: Kind) -> str:
    """Shows the button; whoever is mailed no such link is told why, and what can be done instead."""
    with runtime().db.reading() as session:
        return _page(links.owner(session, token), kind)


@pages.post("/address-link/<token>", defaults={"kind": Kind.ADDRESS})
@pages.post("/data-link/<token>", defaults={"kind": Kind.DATA})
def fresh_link(token: str, kind: Kind) -> str:
    """Mails the link; the answer is the same when one was mailed a moment ago."""
    with runtime().db.transaction() as session:
        reader = links.owner(session, token, for_change=True)
        mail = fresh.ask(session, reader, kind)
        wait = fresh.wait(session, reader, kind)
    if mail is not None:
        runtime().queues.wake_mail(mail)
    return _page(reader, kind, asked=True, wait=wait)


def _page(reader: Subscriber, kind: Kind, *, asked: bool = False, wait: timedelta = timedelta()) -> str:
    return render_template(
        "fresh_link.html",
        reader=reader,
        kind=kind,
        may_ask=fresh.may_ask(reader, kind),
        asked=asked,
        hours=fresh.AGE // timedelta(hours=1),
        wait=format_timedelta(wait, granularity="minute", locale="en"),
    )
