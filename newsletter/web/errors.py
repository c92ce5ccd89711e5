"""Errors as pages: what went wrong in a sentence, and a way on."""

from __future__ import annotations

from flask import Flask, render_template
from werkzeug.exceptions import HTTPException

from newsletter.core.errors import InvalidError, NewsletterError, NotFoundError

WORDS = {
    403: ("This cannot be done from another site", "Open the page here and try again."),
    404: ("There is no such page", "The address may be incomplete: mail programs sometimes cut long links."),
    405: ("This cannot be done that way", "Open the page and use its button."),
    413: ("That was too much at once", "Send less and try again."),
    500: ("Something went wrong here", "It is our fault, and it has been noted. Try again in a minute."),
}


def install(app: Flask) -> None:
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(NewsletterError, own_error)


def http_error(error: HTTPException) -> tuple[str, int]:
    code = error.code or 500
    title, words = WORDS.get(code, (error.name, error.description or ""))
    return render_template("error.html", title=title, words=words), code


def own_error(error: NewsletterError) -> tuple[str, int]:
    code = 404 if isinstance(error, NotFoundError) else 400 if isinstance(error, InvalidError) else 409
    return render_template("error.html", title="That did not work", words=str(error)), code
