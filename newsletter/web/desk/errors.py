"""Answers in place of a page of the desk: signed out, a foreign form, and the pages of errors."""

from __future__ import annotations

import logging

from flask import Response, make_response, request
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from newsletter.core.db import faults
from newsletter.core.errors import NewsletterError
from newsletter.core.languages import gettext_noop
from newsletter.staff.rights import NotAllowedError
from newsletter.web.desk import entered
from newsletter.web.desk.blueprint import desk, render_desk, visitor_or_person
from newsletter.web.errors import HTTP_ERRORS, STATUS_OF_ERROR, unavailable
from newsletter.web.language import page_language

log = logging.getLogger(__name__)

SIGNED_OUT_MEANWHILE = gettext_noop(
    "Nothing was changed. Sign in in another tab, come back to this page, and do it again: what you entered is still "
    "there."
)
SIGNED_OUT_WITH_FORM = gettext_noop(
    "Nothing was changed, and nothing that you entered is lost. Sign in in another tab, then come back and do it again."
)
FOREIGN_FORM = gettext_noop("This form is not of your session")
OPEN_AGAIN = gettext_noop("Nothing was changed. Open the page again and repeat what you did.")


def signed_out() -> Response:
    """401 for a form or a part of a page whose session is over."""
    if "HX-Request" in request.headers:
        return make_response(render_desk("_signed_out.html", sentence=SIGNED_OUT_MEANWHILE), 401)
    has_files = any(file.filename for file in request.files.values())  # they cannot be carried along
    # A password would stand in the page, in front of whoever sits there next.
    fields = [] if has_files else [(name, value) for name, value in entered.entered_fields() if name != "password"]
    sentence = SIGNED_OUT_WITH_FORM if fields else SIGNED_OUT_MEANWHILE
    token = request.form.get("form_token", "")
    page = render_desk("signed_out.html", sentence=sentence, fields=fields, target=entered.target(), token=token)
    return make_response(page, 401)


def refuse_form() -> Response:
    """403 for a form without the session's token."""
    _log_refusal("without its form's token")
    return error_page(403, FOREIGN_FORM, OPEN_AGAIN)


def error_page(status: int, title: str, sentence: str) -> Response:
    """An error as a page of the desk."""
    return make_response(render_desk("error.html", title=title, sentence=sentence), status)


@desk.errorhandler(HTTPException)
def http_error(error: HTTPException) -> Response:
    """A page with the status that Flask or a view raised."""
    code = error.code or 500
    title, sentence = HTTP_ERRORS.get(code, (error.name, error.description or ""))
    response = error_page(code, title, sentence)
    for name, value in error.get_headers():
        if name.lower() in ("allow", "retry-after"):
            response.headers[name] = value
    return response


@desk.errorhandler(NewsletterError)
def own_error(error: NewsletterError) -> Response:
    """A page with the error's sentence."""
    if isinstance(error, NotAllowedError):
        _log_refusal("outside of the role")
    status = next(status for kind, status in STATUS_OF_ERROR.items() if isinstance(error, kind))
    return error_page(status.code, status.title, page_language().error_message(error))


def _log_refusal(why: str) -> None:
    """Log what a person was refused. Visitors are left out: they could fill the log."""
    if (person := visitor_or_person()) is not None:
        log.warning("person %d was refused %s %s (%s)", person.member_id, request.method, request.url_rule, why)


@desk.errorhandler(Exception)
def unexpected_error(error: Exception) -> Response:
    """A page; the log names the rule, since a path may hold a token."""
    log.error("error in %s %s", request.method, request.url_rule, exc_info=error)
    return error_page(500, *HTTP_ERRORS[500])


@desk.errorhandler(OperationalError)
def database_error(error: OperationalError) -> Response:
    """While the database is away the page is the one that readers get: who is signed in, only the database knows."""
    return unavailable(error) if faults.is_away(error) else unexpected_error(error)
