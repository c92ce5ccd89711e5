"""The buttons that mail a fresh link, with the link of any letter: to the reader's data, or to a change of address."""

from __future__ import annotations

from datetime import timedelta

from babel.dates import format_timedelta
from flask import render_template

from newsletter.core.runtime import runtime
from newsletter.subscribers.account import links, one_time_links
from newsletter.subscribers.models import LinkPurpose, Subscriber
from newsletter.web.readers.blueprint import pages


@pages.get("/address-link/<token>", defaults={"kind": LinkPurpose.ADDRESS})
@pages.get("/data-link/<token>", defaults={"kind": LinkPurpose.DATA})
def one_time_link_page(token: str, kind: LinkPurpose) -> str:
    """Shows the button; whoever is mailed no such link is told why, and what can be done instead."""
    with runtime().db.reading() as session:
        return _page(links.reader_of_token(session, token), kind)


@pages.post("/address-link/<token>", defaults={"kind": LinkPurpose.ADDRESS})
@pages.post("/data-link/<token>", defaults={"kind": LinkPurpose.DATA})
def one_time_link(token: str, kind: LinkPurpose) -> str:
    """Mails the link; the answer is the same when one was mailed a moment ago."""
    with runtime().db.transaction() as session:
        reader = links.reader_of_token(session, token, for_change=True)
        mail = one_time_links.request_link(session, reader, kind)
        wait = one_time_links.wait_before_next(session, reader, kind)
    if mail is not None:
        runtime().queues.enqueue_mail(mail)
    return _page(reader, kind, asked=True, wait=wait)


def _page(reader: Subscriber, kind: LinkPurpose, *, asked: bool = False, wait: timedelta = timedelta()) -> str:
    return render_template(
        "one_time_link.html",
        reader=reader,
        kind=kind,
        may_ask=one_time_links.may_request(reader, kind),
        asked=asked,
        hours=one_time_links.LINK_AGE // timedelta(hours=1),
        wait=format_timedelta(wait, granularity="minute", locale="en"),
    )
