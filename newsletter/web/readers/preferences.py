"""A reader's preferences, opened by the link in every letter."""

from __future__ import annotations

from datetime import date

from flask import Response, make_response, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from newsletter.articles import queries
from newsletter.core import clock, public_paths
from newsletter.core.errors import ConflictError, InvalidError
from newsletter.core.languages import LANGUAGES, gettext_noop
from newsletter.core.runtime import runtime
from newsletter.delivery.reports.next_digest import next_digest_at
from newsletter.subscribers.account import change_mails, links, pausing
from newsletter.subscribers.models import LinkChange, Subscriber, SubscriberStatus
from newsletter.subscribers.preferences import Preferences, set_preferences
from newsletter.subscribers.suppression import suppressions
from newsletter.web.forms import time_zones
from newsletter.web.forms.preferences_form import FieldErrors, PreferencesForm
from newsletter.web.language import page_language, speak_to
from newsletter.web.readers.blueprint import enqueue_mail, pages, render_for
from newsletter.web.request_values import parse_day
from newsletter.web.security_headers import HEADERS

POLICY = HEADERS["Content-Security-Policy"] + "; script-src 'self'"
"""This page alone has a script: one of ours that preselects the browser's time zone. It works without, too."""


@pages.get(public_paths.preferences("<token>"))
@pages.get(public_paths.pause("<token>"), endpoint="pause_page")
def preferences_page(token: str) -> ResponseReturnValue:
    """Show the preferences; a reader who is not subscribed reads why."""
    with runtime().db.reading() as session:
        reader = links.reader_of_token(session, token)
        if reader.status != SubscriberStatus.ACTIVE:
            return render_for(reader, "not_subscribed.html", days=suppressions.BOUNCE_BLOCKS_FOR.days)
        return _page(session, reader)


@pages.post(public_paths.preferences("<token>"), endpoint="preferences")
def save_preferences(token: str) -> ResponseReturnValue:
    """Save the preferences and say what they mean."""
    form, until = PreferencesForm.from_preferences(request.form), request.form.get("until", "")
    with runtime().db.transaction() as session:
        reader = _active_reader(session, token)
        preferences, errors = form.preferences(_sections(session, reader))
        if errors:
            return _page(session, reader, form=form, until=until, errors=errors), 422
        mail = None
        if preferences != Preferences.of(reader):
            set_preferences(reader, preferences)
            mail = change_mails.tell_reader(session, reader, LinkChange.PREFERENCES)
        page = _page(session, reader, until=until, notice="saved")
    enqueue_mail(mail)
    return page


@pages.post(public_paths.pause("<token>"))
def pause(token: str) -> ResponseReturnValue:
    """Pause the letters until a day, or end the pause."""
    until, ends = request.form.get("until", ""), "end" in request.form
    form = PreferencesForm.from_preferences(request.form) if "cadence" in request.form else None
    with runtime().db.transaction() as session:
        reader = _active_reader(session, token)
        before = reader.paused_until
        try:
            if ends:
                pausing.resume_subscription(reader)
            else:
                pausing.pause_subscription(reader, _date(until), today=_today())
        except InvalidError as error:
            return _page(session, reader, form=form, until=until, errors={"until": error}), 422
        has_changed = reader.paused_until != before
        mail = change_mails.tell_reader(session, reader, LinkChange.PAUSE) if has_changed else None
        notice = "paused" if reader.paused_until else "resumed"
        page = _page(session, reader, form=form, until=until if ends else "", notice=notice)
    enqueue_mail(mail)
    return page


def _active_reader(session: Session, token: str) -> Subscriber:
    reader = links.reader_of_token(session, token, for_change=True)
    if reader.status != SubscriberStatus.ACTIVE:
        speak_to(reader.language)
        raise ConflictError(
            "preferences.not_subscribed",
            gettext_noop("This address is not subscribed, so there are no preferences to change."),
        )
    return reader


def _page(
    session: Session,
    reader: Subscriber,
    *,
    form: PreferencesForm | None = None,
    until: str = "",
    errors: FieldErrors | None = None,
    notice: str = "",
) -> Response:
    """The page with what was entered, or else with the reader's preferences; `notice` says what has just been done."""
    speak_to(reader.language)
    preferences, sections = Preferences.of(reader), _sections(session, reader)
    paused_until = reader.paused_until if reader.paused_until and reader.paused_until > _today() else None
    html = render_for(
        reader,
        "preferences.html",
        preferences=preferences,
        form=form or PreferencesForm.showing(preferences),
        sections=sections,
        regions=time_zones.by_region(page_language().code),
        languages=LANGUAGES,
        errors=errors or {},
        notice=notice,
        is_unsaved=bool(until) or (form is not None and form.preferences(sections) != (preferences, {})),
        next_letter=next_digest_at(session, runtime().settings, preferences, paused_until),
        paused_until=paused_until,
        until=until,
        today=_today(),
        last_day=_today() + pausing.LONGEST,
    )
    response = make_response(html)
    response.headers["Content-Security-Policy"] = POLICY
    return response


def _sections(session: Session, reader: Subscriber) -> list[str]:
    """The sections in use, and those that this reader chose before: one without a story may come back."""
    return sorted({*queries.sections(session), *(reader.sections or ())})


def _today() -> date:
    return clock.today(runtime().settings.timezone)


def _date(text: str) -> date:
    day = parse_day(text)
    if day is None:
        raise InvalidError("pause.no_day", gettext_noop("Enter the day on which letters start again, like 2026-12-31."))
    return day
