"""Letters in public: the list by month and section, each letter as it was sent, its mail, and the mail's source."""

from __future__ import annotations

import hashlib

from flask import Response, abort, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from newsletter.core import public_paths
from newsletter.core.markdown import block_html
from newsletter.core.runtime import runtime
from newsletter.core.search import SearchQuery
from newsletter.delivery.letters import changes_since, letter_list, sent_mail
from newsletter.delivery.letters.letter_list import LetterFilter
from newsletter.delivery.reports.status import digest_figures
from newsletter.digests.models import Digest, DigestStatus
from newsletter.web.language import keep_query, page_language
from newsletter.web.navigation import sections_in_use
from newsletter.web.page_cache import cached_page, cached_page_by
from newsletter.web.public import letter_words
from newsletter.web.public.blueprint import pages

PAGE_SIZE = 20
"""Letters of a page of the list."""

MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; frame-ancestors 'none'; sandbox"
"""A mail carries its styles in itself, and may do nothing else."""

_FILTERS = ("q", "section", "month")
_CURSORS = ("before", "after")
_CLOSED = (DigestStatus.SENT, DigestStatus.CANCELLED)


@pages.get(public_paths.LETTERS)
@cached_page_by(*_FILTERS, *_CURSORS)
def letters() -> str:
    """The letters, the newest first: all, those of a month or a year, or those with a story of a section."""
    asked = {name: request.args[name] for name in (*_FILTERS, *_CURSORS) if request.args.get(name)}
    month, section = asked.get("month", ""), asked.get("section", "")
    if ("before" in asked and "after" in asked) or (month and not letter_list.is_period(month)):
        abort(404)
    keep_query(*asked.items())
    query = SearchQuery.parse(asked.get("q", ""))
    settings = runtime().settings
    with runtime().db.reading() as session:
        sections = sections_in_use()
        if section and section not in sections:
            abort(404)
        page = letter_list.letter_page(
            session,
            PAGE_SIZE,
            LetterFilter(month, section, query),
            before=asked.get("before", ""),
            after=asked.get("after", ""),
        )
        if not page.letters and (asked.keys() & {*_CURSORS, "month"}) and not query:
            abort(404)
        since = changes_since.changes_since(session, [each.id for each in page.letters], settings.timezone)
        months = letter_list.count_by_month(session)
        return render_template(
            "letters.html",
            page=page,
            by_month=letter_words.by_month(page.letters),
            periods=letter_words.periods(months, month),
            period_words=letter_words.period_words,
            section_names=letter_words.section_names,
            count_sections=letter_words.count_sections,
            corrected={digest_id: changes_since.corrected_days(each) for digest_id, each in since.items()},
            months=months,
            month=month,
            section=section,
            sections=sections,
            query=query,
            asked={name: value for name, value in asked.items() if name in _FILTERS},
        )


@pages.get(public_paths.letter("<letter_name>"))
@cached_page
def letter(letter_name: str) -> str:
    """A letter as it was sent, with what was corrected since beside its stories."""
    settings = runtime().settings
    with runtime().db.reading() as session:
        found = _found(session, letter_name)
        since = changes_since.changes_since(session, [found.id], settings.timezone)[found.id]
        is_closed = found.status in _CLOSED
        return render_template(
            "letter.html",
            letter=found,
            intro=block_html(found.intro),
            since=since,
            corrected=[position for position, story in since.items() if story.corrections],
            readers=digest_figures(session, found.id).accepted if is_closed else None,
            beside=letter_list.neighbours(session, found),
        )


@pages.get(public_paths.letter_mail("<letter_name>"))
@cached_page
def letter_mail(letter_name: str) -> ResponseReturnValue:
    """The HTML of the mail itself, in the language of the page. Its links to a reader's own pages lead to one that says
    what they are for.
    """
    response = Response(_parts(letter_name).html, mimetype="text/html")
    response.headers["Content-Security-Policy"] = MAIL_POLICY
    return response


@pages.get(public_paths.letter_text("<letter_name>"))
@cached_page
def letter_text(letter_name: str) -> ResponseReturnValue:
    """The text part of the mail."""
    return Response(_parts(letter_name).text, mimetype="text/plain")


@pages.get(public_paths.letter_source("<letter_name>"))
@cached_page
def letter_source(letter_name: str) -> str:
    """The checks of the mail, and the way to its source."""
    with runtime().db.reading() as session:
        found = _found(session, letter_name)
        message = _message(session, found)
    digest = hashlib.sha256(message.raw).hexdigest()
    return render_template("letter_source.html", letter=found, message=message, sha256=digest)


@pages.get(public_paths.letter_message("<letter_name>"))
@cached_page
def letter_message(letter_name: str) -> ResponseReturnValue:
    """The source of the mail, octet for octet."""
    with runtime().db.reading() as session:
        message = _message(session, _found(session, letter_name))
    return Response(message.raw, mimetype="text/plain")


@pages.get(public_paths.letter_links("<letter_name>"))
@cached_page
def letter_links(letter_name: str) -> str:
    """Say what the links to preferences and unsubscribing are for, in a mail that everybody can see."""
    with runtime().db.reading() as session:
        return render_template("letter_links.html", letter=_found(session, letter_name))


def _found(session: Session, letter_name: str) -> Digest:
    return letter_list.get_letter(session, letter_name) or abort(404)


def _message(session: Session, letter: Digest) -> sent_mail.SentMessage:
    return sent_mail.sent_message(session, runtime().settings, letter, page_language().code) or abort(404)


def _parts(letter_name: str) -> sent_mail.MailParts:
    settings, language = runtime().settings, page_language().code
    instead = settings.url(url_for("public.letter_links", letter_name=letter_name, language=language))
    with runtime().db.reading() as session:
        return sent_mail.mail_parts(session, settings, _found(session, letter_name), language, instead=instead)
