"""The composer: candidates, the letter and its preview, and moves that are made on the state that the page shows."""

from __future__ import annotations

from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from newsletter.core.cadence import Cadence
from newsletter.core.errors import ConflictError, InvalidError, NewsletterError, NotFoundError
from newsletter.core.languages import gettext_noop
from newsletter.core.runtime import runtime
from newsletter.digests import drafting
from newsletter.staff import audit
from newsletter.staff.audit import AuditAction, AuditObject
from newsletter.staff.rights import Right
from newsletter.web.desk.access import needs
from newsletter.web.desk.blueprint import desk, page_with_errors, render_desk, signed_in
from newsletter.web.desk.compose_history import Failure
from newsletter.web.desk.compose_moves import Move, make_move, want_links
from newsletter.web.desk.compose_page import composer_page as composer_values
from newsletter.web.desk.compose_page import view_query
from newsletter.web.desk.staff_forms import safe_path
from newsletter.web.errors import STATUS_OF_ERROR
from newsletter.web.request_values import parse_number

NO_CADENCE = gettext_noop("Choose one of the cadences.")


@desk.get("/digests/<int:number>/compose", endpoint="compose")
@needs(Right.WRITE)
def composer(number: int) -> str:
    """The composer of a digest; what is no draft any more, or not the person's to change, can be looked at."""
    return render_desk("compose.html", **composer_values(number, request.args))


@desk.post("/digests/<int:number>/compose")
@needs(Right.PUBLISH)
def compose_move(number: int) -> ResponseReturnValue:
    """Make a move, and show the page again, or the one that a link leads to, which comes as `to` without scripts. A
    move that is refused says why, and keeps what was entered.
    """
    form = request.form
    version = parse_number(form.get("version", "")) or 0
    move = Move(number, version, form, signed_in().actor, runtime().settings)
    try:
        with runtime().db.transaction() as session:
            make_move(session, move)
            waits = want_links(session, move)
    except (ConflictError, InvalidError, NotFoundError) as error:
        return _refused(number, version, error)
    if waits:
        runtime().queues.signal_clock()
    if "to" in request.args:
        return redirect(safe_path(request.args["to"]), 303)
    return redirect(url_for("desk.compose", number=number, done=move.name, **view_query(_view())), 303)


@desk.post("/digests/<int:number>/duplicate")
@needs(Right.PUBLISH)
def duplicate_digest(number: int) -> ResponseReturnValue:
    """Begin a draft as a copy of another digest."""
    with runtime().db.transaction() as session:
        copy = drafting.duplicate_digest(session, number)
        on = AuditObject("digest", copy.id)
        audit.record(session, AuditAction.DIGEST_DUPLICATED, by=signed_in().actor, on=on, original=number)
        made = copy.id
    return _to_composer(made)


@desk.post("/digests/new")
@needs(Right.PUBLISH)
def start_digest() -> ResponseReturnValue:
    """Begin a draft without stories."""
    try:
        cadence = Cadence(request.form.get("cadence", ""))
    except ValueError:
        raise InvalidError("digest.no_such_cadence", NO_CADENCE) from None
    with runtime().db.transaction() as session:
        digest = drafting.start_draft(session, cadence)
        audit.record(session, AuditAction.DIGEST_STARTED, by=signed_in().actor, on=AuditObject("digest", digest.id))
        made = digest.id
    return _to_composer(made)


def _view() -> MultiDict[str, str]:
    """Preview and search: those of the form, where they come along as they do without scripts."""
    return request.form if "edition" in request.form else request.args


def _to_composer(number: int) -> Response:
    return redirect(url_for("desk.compose", number=number), 303)  # type: ignore[return-value]


def _refused(number: int, version: int, error: NewsletterError) -> Response:
    failure = Failure(error, version, request.form)
    response = page_with_errors("compose.html", **composer_values(number, _view(), failure))
    response.status_code = next(status.code for kind, status in STATUS_OF_ERROR.items() if isinstance(error, kind))
    return response
