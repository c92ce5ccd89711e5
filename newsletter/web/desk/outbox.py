"""The outbox of an installation that sends into a folder: what would have gone out.

For admins alone: mails name readers, and hold their links.
"""

from __future__ import annotations

from flask import Response, abort, request

from newsletter.core.languages import gettext_noop
from newsletter.core.runtime import runtime
from newsletter.mail import stored_mails
from newsletter.staff.rights import Right
from newsletter.web.desk.access import needs
from newsletter.web.desk.blueprint import desk, render_desk
from newsletter.web.request_values import parse_number, parse_search

PAGE_SIZE = 30
PARTS = {
    "html": gettext_noop("HTML"),
    "text": gettext_noop("Text"),
    "headers": gettext_noop("Headers"),
    "source": gettext_noop("Source"),
}
FRAME_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; sandbox; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)
"""Of a mail in its frame: mails have their styles inline, and run nothing."""


@desk.get("/outbox")
@needs(Right.READERS)
def outbox() -> str:
    """The newest mails, and the first of them."""
    _require_folder()
    return _page("")


@desk.get("/outbox/<name>")
@needs(Right.READERS)
def outbox_mail(name: str) -> str:
    """A mail beside the list."""
    _require_folder()
    return _page(name)


@desk.get("/outbox/<name>/html")
@needs(Right.READERS)
def outbox_html(name: str) -> Response:
    """The HTML of a mail alone, for its frame."""
    _require_folder()
    mail = stored_mails.read_mail(runtime().settings.maildir, name)
    response = Response(mail.html, mimetype="text/html")
    response.headers["Content-Security-Policy"] = FRAME_POLICY
    return response


@desk.get("/outbox/<name>/source")
@needs(Right.READERS)
def outbox_source(name: str) -> Response:
    """The mail as it was written, to be kept as a file."""
    _require_folder()
    mail = stored_mails.read_mail(runtime().settings.maildir, name)
    response = Response(mail.source, mimetype="message/rfc822")
    response.headers.set("Content-Disposition", "attachment", filename=f"{name}.eml")
    return response


def _require_folder() -> None:
    if runtime().settings.mail_transport != "maildir":
        abort(404)


def _page(name: str) -> str:
    folder, args = runtime().settings.maildir, request.args
    words, after = parse_search(args.get("q", "")), parse_number(args.get("after", "")) or 0
    heads = stored_mails.newest_mails(folder, PAGE_SIZE + 1, after=after, words=words)
    shown = name or (heads[0].name if heads else "")
    part = args.get("part", "html")
    mail = stored_mails.read_mail(folder, shown) if shown else None
    if mail is not None and part == "html" and not mail.html:
        part = "text"
    return render_desk(
        "outbox.html",
        total=stored_mails.count_mails(folder),
        heads=heads[:PAGE_SIZE],
        words=words,
        after=after,
        earlier=max(after - PAGE_SIZE, 0),
        following=after + PAGE_SIZE if len(heads) > PAGE_SIZE else None,
        query={name: value for name, value in (("q", words), ("after", after)) if value},
        mail=mail,
        part=part if part in PARTS else "html",
        parts_of_mail=PARTS,
        most_searched=stored_mails.MOST_LISTED,
        source=mail.source.decode("utf-8", "replace") if mail and part == "source" else "",
    )
