"""Errors as pages, or as problem details (RFC 9457) for a program: what went wrong in a sentence, and a way on."""

from __future__ import annotations

import json
import logging

from flask import Flask, Response, render_template, request
from werkzeug.exceptions import BadHost, HTTPException

from newsletter.core.errors import ConflictError, InvalidError, NewsletterError, NotFoundError
from newsletter.subscribers.account.links import LinkError

log = logging.getLogger(__name__)

WORDS = {
    400: ("This request cannot be read", "Open the page again and use its button."),
    403: ("This cannot be done from another site", "Open the page here and try again."),
    404: ("There is no such page", "The address may be incomplete: mail programs sometimes cut long links."),
    405: ("This cannot be done that way", "Open the page and use its button."),
    413: ("That was too much at once", "Send less and try again."),
    500: ("Something went wrong here", "It is our fault, and it has been noted. Try again in a minute."),
}
STATUS: dict[type[NewsletterError], int] = {NotFoundError: 404, InvalidError: 422, ConflictError: 409}


def install(app: Flask) -> None:
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(NewsletterError, own_error)
    app.register_error_handler(Exception, unexpected_error)


def http_error(error: HTTPException) -> Response:
    """Keeps what the protocol wants beside the page: Allow with a 405, Retry-After."""
    if isinstance(error, BadHost):  # no page: without a host Flask can build no address for its links
        return Response("The Host header of this request names no host.\n", 400, content_type="text/plain")
    code = error.code or 500
    title, words = WORDS.get(code, (error.name, error.description or ""))
    response = answer(code, title, words)
    for name, value in error.get_headers():
        if name.lower() in ("allow", "retry-after"):
            response.headers[name] = value
    return response


def own_error(error: NewsletterError) -> Response:
    title = "This link does not work" if isinstance(error, LinkError) else "That did not work"
    code = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 500)
    return answer(code, title, str(error))


def unexpected_error(error: Exception) -> Response:
    """Flask's own handler would log the path of the request, and with it a reader's token."""
    log.error("error in %s %s", request.method, request.url_rule, exc_info=error)
    return answer(500, *WORDS[500])


def answer(code: int, title: str, words: str, **more: object) -> Response:
    """The error as a page, or for a program as a problem with `more` members."""
    if wants_json():
        problem = {"type": "about:blank", "status": code, "title": title, "detail": words, **more}
        response = Response(json.dumps(problem), code, content_type="application/problem+json")
    else:
        response = Response(render_template("error.html", title=title, words=words), code)
    response.vary.add("Accept")
    return response


def wants_json() -> bool:
    """Whether the answer goes to a program: it sent JSON, or would rather have JSON than a page."""
    kinds = ["text/html", "application/json", "application/problem+json"]
    return request.is_json or request.accept_mimetypes.best_match(kinds, "text/html") != "text/html"
