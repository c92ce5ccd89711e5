"""When a digest goes out: now, or once at a time in a named zone. Wrong times are said before anything is saved."""

from __future__ import annotations

from typing import Any

from flask import make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from newsletter.core import clock
from newsletter.core.errors import NewsletterError
from newsletter.core.languages import gettext_noop
from newsletter.core.runtime import runtime
from newsletter.digests import preflight, scheduling
from newsletter.digests.findings import blocking, notes
from newsletter.digests.models import DigestStatus
from newsletter.digests.queries import get_digest
from newsletter.staff import audit
from newsletter.staff.audit import AuditAction, digest_object
from newsletter.staff.rights import Right
from newsletter.web.desk.access import needs
from newsletter.web.desk.blueprint import desk, render_desk, signed_in
from newsletter.web.desk.cached_mails import cached_mail_findings
from newsletter.web.desk.digest_words import STATUS_WORDS, digest_title, has_page, transport_name
from newsletter.web.desk.schedule_form import Checked, ScheduleForm, checked_form, form_of, in_zones, read_form
from newsletter.web.forms import time_zones
from newsletter.web.language import page_language

NOTICES = {
    "draft": gettext_noop("It is a draft again, and can be changed."),
}
MENDABLE = (DigestStatus.DRAFT, DigestStatus.SCHEDULED)


@desk.get("/digests/<int:number>/schedule")
@needs(Right.WRITE)
def schedule(number: int) -> str:
    """The page: its time as it is, or tomorrow morning."""
    return _page(number)


@desk.get("/digests/<int:number>/schedule/times")
@needs(Right.WRITE)
def schedule_times(number: int) -> str:
    """The time of a form in its zones, or why there is none: what the page shows while somebody types."""
    form = read_form(request.args)
    return render_template("desk/_times.html", **_times(form, checked_form(form)), number=number)


@desk.post("/digests/<int:number>/schedule")
@needs(Right.SEND, recent_proof=True)
def schedule_digest(number: int) -> ResponseReturnValue:
    """Give a digest its time."""
    form = read_form(request.form)
    checked = checked_form(form)
    if checked.moment is None or checked.error is not None:
        return make_response(_page(number, form, checked), 422)
    person, at = signed_in(), checked.moment
    try:
        with runtime().db.transaction() as session:
            kept = form.provider_schedule
            scheduling.schedule_digest(session, runtime().settings, number, at, provider_schedule=kept, by=person.actor)
            on = digest_object(number)
            audit.record(session, AuditAction.DIGEST_SCHEDULED, by=person.actor, on=on, at=int(at.timestamp()))
    except NewsletterError as error:
        return make_response(_page(number, form, checked, error), 422)
    runtime().queues.signal_clock()
    return redirect(url_for("desk.sending", number=number, done="scheduled"), 303)


@desk.post("/digests/<int:number>/send")
@needs(Right.SEND, recent_proof=True)
def send_digest(number: int) -> ResponseReturnValue:
    """Send a digest now: the clock starts it within seconds."""
    person = signed_in()
    try:
        with runtime().db.transaction() as session:
            scheduling.send_now(session, runtime().settings, number, by=person.actor)
            audit.record(session, AuditAction.DIGEST_SENT, by=person.actor, on=digest_object(number))
    except NewsletterError as error:
        return make_response(_page(number, error=error), 422)
    runtime().queues.signal_clock()
    return redirect(url_for("desk.sending", number=number, done="now"), 303)


def _page(
    number: int,
    form: ScheduleForm | None = None,
    checked: Checked | None = None,
    error: NewsletterError | None = None,
) -> str:
    settings = runtime().settings
    with runtime().db.reading() as session:
        digest = get_digest(session, number)
        can_change = digest.status in MENDABLE
        findings = (
            preflight.check_digest(session, settings, digest, check_mails=cached_mail_findings) if can_change else []
        )
        form = form or form_of(digest.scheduled_at, provider_schedule=digest.provider_schedule)
        title, status, subject = digest_title(digest), digest.status, digest.subject
        scheduled_at = digest.scheduled_at if digest.status == DigestStatus.SCHEDULED else None
    values: dict[str, Any] = _times(form, checked or checked_form(form))
    return render_desk(
        "schedule.html",
        number=number,
        title=title,
        subject=subject,
        status=status,
        status_word=STATUS_WORDS[status],
        scheduled_at=scheduled_at,
        can_change=can_change,
        problems=blocking(findings),
        remarks=notes(findings),
        site_zone=settings.timezone.key,
        regions=time_zones.by_region(page_language().code),
        has_composer=has_page("desk.compose"),
        keeps_mails=settings.mail_transport == "sendgrid",
        provider=transport_name(),
        today=f"{clock.now().astimezone(settings.timezone):%Y-%m-%d}",
        failed=error,
        done=NOTICES.get(request.args.get("done", ""), ""),
        **values,
    )


def _times(form: ScheduleForm, checked: Checked) -> dict[str, Any]:
    zones = in_zones(checked.moment, form) if checked.moment is not None else []
    return {"form": form, "checked": checked, "zones": zones}
