"""Errors as pages, or as problem details (RFC 9457) for programs: what went wrong in a sentence, and a way on."""

from __future__ import annotations

import json
import logging
from typing import NamedTuple

from flask import Flask, Response, render_template, request
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import BadHost, HTTPException

from newsletter.core.db import faults
from newsletter.core.errors import ConflictError, InvalidError, NewsletterError, NotFoundError
from newsletter.core.languages import gettext_noop
from newsletter.staff.links import StaffLinkError
from newsletter.staff.rights import NotAllowedError
from newsletter.subscribers.account.links import LinkError, PastSubscriptionError
from newsletter.web import language, navigation
from newsletter.web.negotiation import wants_json

log = logging.getLogger(__name__)


RETRY_AFTER = 60
"""Seconds after which a program may ask again for what the database could not give. The page says the same."""


class Status(NamedTuple):
    """The status of an answer, and the title of its page."""

    code: int
    title: str


FAILED = gettext_noop("That did not work")

STATUS_OF_ERROR: dict[type[NewsletterError], Status] = {
    PastSubscriptionError: Status(410, gettext_noop("You are not subscribed")),
    LinkError: Status(404, gettext_noop("This link does not work")),
    StaffLinkError: Status(404, gettext_noop("This link does not work")),
    NotAllowedError: Status(403, gettext_noop("Your role does not allow this")),
    NotFoundError: Status(404, FAILED),
    InvalidError: Status(422, FAILED),
    ConflictError: Status(409, FAILED),
    NewsletterError: Status(500, FAILED),
}
"""The first type that fits an error counts."""

HTTP_ERRORS = {
    400: (
        gettext_noop("This request cannot be read"),
        gettext_noop("Open the page again and use its button."),
    ),
    403: (
        gettext_noop("This cannot be done from another site"),
        gettext_noop("Open the page here and try again."),
    ),
    404: (
        gettext_noop("There is no such page"),
        gettext_noop("The address may be incomplete: email programs sometimes cut long links."),
    ),
    405: (
        gettext_noop("This cannot be done that way"),
        gettext_noop("Open the page and use its button."),
    ),
    413: (
        gettext_noop("That was too much at once"),
        gettext_noop("Send less and try again."),
    ),
    500: (
        gettext_noop("Something went wrong here"),
        gettext_noop("It is our fault, and it has been noted. Try again in a minute."),
    ),
    503: (
        gettext_noop("This does not work at the moment"),
        gettext_noop("It is our fault, and it has been noted. Try again in a minute."),
    ),
}
"""The title and the sentence for each status that Flask or a view raises."""


def install(app: Flask) -> None:
    """Register the handlers."""
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(NewsletterError, own_error)
    app.register_error_handler(OperationalError, database_error)
    app.register_error_handler(Exception, unexpected_error)


def http_error(error: HTTPException) -> Response:
    """Answer, with the headers that the protocol wants: Allow with a 405, Retry-After."""
    if isinstance(error, BadHost):  # no page: without a host Flask can build no address for its links
        return Response("The Host header of this request names no host.\n", 400, content_type="text/plain")
    code = error.code or 500
    title, sentence = HTTP_ERRORS.get(code, (error.name, error.description or ""))
    spoken = language.error_language()
    response = error_response(code, spoken.gettext(title), spoken.gettext(sentence))
    for name, value in error.get_headers():
        if name.lower() in ("allow", "retry-after"):
            response.headers[name] = value
    return response


def own_error(error: NewsletterError) -> Response:
    """Answer with the error's sentence; problem details have its code."""
    status = next(status for kind, status in STATUS_OF_ERROR.items() if isinstance(error, kind))
    spoken = language.error_language()
    return error_response(status.code, spoken.gettext(status.title), spoken.error_message(error), code=error.code)


def unexpected_error(error: Exception) -> Response:
    """Answer, and log the rule: Flask's own handler would log the path of the request, and with it a reader's token."""
    log.error("error in %s %s", request.method, request.url_rule, exc_info=error)
    return error_response(500, *map(language.error_language().gettext, HTTP_ERRORS[500]))


def database_error(error: OperationalError) -> Response:
    """503 while the database is away, else 500."""
    return unavailable(error) if faults.is_away(error) else unexpected_error(error)


def unavailable(error: OperationalError) -> Response:
    """503: who asks again may be answered. The page is made without the database. The log has a line; where a statement
    failed, as one that took too long, it says which.
    """
    failed = error if error.statement else None
    log.error("no database in %s %s: %s", request.method, request.url_rule, faults.cause(error), exc_info=failed)
    response = error_response(503, *map(language.error_language().gettext, HTTP_ERRORS[503]))
    response.headers["Retry-After"] = str(RETRY_AFTER)
    return response


def error_response(status: int, title: str, sentence: str, **members: object) -> Response:
    """An error as a page, or for a program as a problem with further `members`; the texts are translated already."""
    if status >= 500:
        navigation.ask_nobody()
    if wants_json():
        response = problem(status, title, sentence, **members)
    else:
        response = Response(render_template("error.html", title=title, sentence=sentence), status)
    response.vary.add("Accept")
    return response


def problem(status: int, title: str, detail: str, **members: object) -> Response:
    """Problem details."""
    content = {"type": "about:blank", "status": status, "title": title, "detail": detail, **members}
    return Response(json.dumps(content), status, content_type="application/problem+json")
