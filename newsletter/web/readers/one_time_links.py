"""The buttons that send a one-time link by mail: to the reader's data, or to a change of address. The links of any
letter open them.
"""

from __future__ import annotations

from datetime import timedelta

from newsletter.core import public_paths
from newsletter.core.runtime import runtime
from newsletter.subscribers.account import links, one_time_links
from newsletter.subscribers.mailbox_pauses import MailboxPauses
from newsletter.subscribers.models import LinkPurpose, Subscriber
from newsletter.web.readers.blueprint import enqueue_mail, pages, render_for


@pages.get(public_paths.request_link(LinkPurpose.ADDRESS, "<token>"), defaults={"purpose": LinkPurpose.ADDRESS})
@pages.get(public_paths.request_link(LinkPurpose.DATA, "<token>"), defaults={"purpose": LinkPurpose.DATA})
def one_time_link_page(token: str, purpose: LinkPurpose) -> str:
    """Show the button; a reader who may not have such a link reads why, and what can be done instead."""
    with runtime().db.reading() as session:
        reader = links.reader_of_token(session, token)
    return _page(reader, purpose)


@pages.post(public_paths.request_link(LinkPurpose.ADDRESS, "<token>"), defaults={"purpose": LinkPurpose.ADDRESS})
@pages.post(public_paths.request_link(LinkPurpose.DATA, "<token>"), defaults={"purpose": LinkPurpose.DATA})
def one_time_link(token: str, purpose: LinkPurpose) -> str:
    """Send the link; the answer is the same when one was sent a moment ago."""
    pauses = MailboxPauses.present(runtime())
    with pauses.counting(), runtime().db.transaction() as session:
        reader = links.reader_of_token(session, token, for_change=True)
        mail = one_time_links.request_link(session, pauses, reader, purpose)
        wait = one_time_links.wait_before_next(session, reader, purpose)
    enqueue_mail(mail)
    return _page(reader, purpose, wait=wait)


def _page(reader: Subscriber, purpose: LinkPurpose, *, wait: timedelta | None = None) -> str:
    """The page; `wait` says that a link was requested, and when the next one may be."""
    may_request = one_time_links.may_request(reader, purpose)
    return render_for(
        reader,
        "one_time_link.html",
        purpose=purpose,
        may_request=may_request,
        is_requested=wait is not None and may_request,
        hours=one_time_links.LINK_AGE // timedelta(hours=1),
        wait=wait or timedelta(),
    )
