"""Deciding about a digest that is being sent: pause, go on, cancel the rest, try again, and resolve what is in doubt.

Pausing asks for no proof, since it is urgent and can be undone. Sending mail and ending something do.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from newsletter.core.errors import ConflictError, InvalidError
from newsletter.core.ids import BatchId, DigestId
from newsletter.core.languages import gettext_noop
from newsletter.core.runtime import runtime
from newsletter.delivery.ledger import cancelling, resolving, retrying
from newsletter.delivery.reports.status import digest_status
from newsletter.digests import lifecycle
from newsletter.digests.models import Digest, DigestStatus, PausedReason
from newsletter.digests.queries import get_digest
from newsletter.staff import audit
from newsletter.staff.audit import AuditAction, digest_object
from newsletter.staff.rights import Right
from newsletter.web.desk.access import needs
from newsletter.web.desk.blueprint import desk, render_desk, signed_in
from newsletter.web.desk.digest_words import digest_title
from newsletter.web.desk.sending import current_sending, sending_page
from newsletter.web.request_values import parse_number

NO_BATCH = gettext_noop("The form names no batch.")
NO_DECISION = gettext_noop("Choose one of the two.")


@desk.post("/digests/<int:number>/pause")
@needs(Right.SEND)
def pause_digest(number: int) -> ResponseReturnValue:
    """Stop sending; workers stop within a second or one request."""

    def pause(session: Session) -> None:
        lifecycle.pause(session, number, PausedReason.EDITOR, None, by=signed_in().actor)
        _record(session, AuditAction.DIGEST_PAUSED, number)

    return _act(number, pause, "paused")


@desk.post("/digests/<int:number>/resume")
@needs(Right.SEND, recent_proof=True)
def resume_digest(number: int) -> ResponseReturnValue:
    """Let a paused digest go on."""

    def resume(session: Session) -> None:
        lifecycle.resume(session, number, by=signed_in().actor)
        _record(session, AuditAction.DIGEST_RESUMED, number)

    return _act(number, resume, "resumed")


@desk.get("/digests/<int:number>/cancel")
@needs(Right.SEND)
def cancel_page(number: int) -> str:
    """The one question before the rest of a digest is cancelled, with its numbers."""
    with runtime().db.reading() as session:
        digest = get_digest(session, number)
        lifecycle.require(digest, lifecycle.CANCEL)
        title, waits = digest_title(digest), _waiting(digest)
    readers = current_sending(number).tally
    return render_desk("cancel.html", number=number, title=title, readers=readers, waits=waits)


@desk.post("/digests/<int:number>/cancel")
@needs(Right.SEND, recent_proof=True)
def cancel_digest(number: int) -> ResponseReturnValue:
    """End a digest for good; what was accepted stays accepted."""

    def cancel(session: Session) -> None:
        open_before = digest_status(session, number).open
        cancelling.cancel_digest(session, number, by=signed_in().actor)
        _record(session, AuditAction.DIGEST_CANCELLED, number, readers=open_before)

    return _act(number, cancel, "cancelled")


@desk.post("/digests/<int:number>/unschedule")
@needs(Right.SEND)
def unschedule_digest(number: int) -> ResponseReturnValue:
    """Make a digest a draft again, before its freeze."""
    with runtime().db.transaction() as session:
        lifecycle.unschedule(session, number, by=signed_in().actor)
        _record(session, AuditAction.DIGEST_UNSCHEDULED, number)
    runtime().queues.signal_clock()
    if request.form.get("to") == "compose":
        return redirect(url_for("desk.compose", number=number), 303)
    return redirect(url_for("desk.schedule", number=number, done="draft"), 303)


@desk.post("/digests/<int:number>/retry")
@needs(Right.SEND, recent_proof=True)
def retry_refused(number: int) -> ResponseReturnValue:
    """Send again to those who were refused for one reason."""

    def retry(session: Session) -> None:
        reason, by = request.form.get("reason", ""), signed_in().actor
        count = retrying.retry_refused(session, number, reason=reason, by=by)
        _record(session, AuditAction.DIGEST_RETRIED, number, readers=count)

    return _act(number, retry, "retried")


@desk.post("/digests/<int:number>/resolve")
@needs(Right.SEND, recent_proof=True)
def resolve_batch(number: int) -> ResponseReturnValue:
    """Decide what became of a batch in doubt."""
    batch, decision = parse_number(request.form.get("batch", "")), request.form.get("decision", "")
    if batch is None:
        raise InvalidError("batch.not_named", NO_BATCH)
    if decision not in ("again", "accepted"):
        raise InvalidError("batch.no_decision", NO_DECISION)
    was_sent = decision == "accepted"

    def resolve(session: Session) -> None:
        resolving.resolve_by_editor(session, DigestId(number), BatchId(batch), was_sent=was_sent)
        action = AuditAction.BATCH_ACCEPTED if was_sent else AuditAction.BATCH_SENT_AGAIN
        _record(session, action, number, batch=batch)

    return _act(number, resolve, decision)


def _act(number: int, change: Callable[[Session], None], done: str) -> ResponseReturnValue:
    """Make a change in a transaction of its own, and go back to the page. Too late, the page says why."""
    try:
        with runtime().db.transaction() as session:
            change(session)
    except (ConflictError, InvalidError) as error:
        return make_response(sending_page(number, error), 409 if isinstance(error, ConflictError) else 422)
    runtime().queues.signal_clock()
    return redirect(url_for("desk.sending", number=number, done=done), 303)


def _record(session: Session, action: AuditAction, number: int, **details: int) -> None:
    audit.record(session, action, by=signed_in().actor, on=digest_object(number), **details)


def _waiting(digest: Digest) -> bool:
    """Whether the audience is not frozen yet."""
    return digest.status in (DigestStatus.DRAFT, DigestStatus.SCHEDULED) or digest.frozen_at is None
