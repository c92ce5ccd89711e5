"""A reader's preferences, opened by the link in every letter."""

from __future__ import annotations

from datetime import date

from flask import Response, make_response, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from newsletter.articles import queries
from newsletter.core import clock
from newsletter.core.errors import ConflictError, InvalidError
from newsletter.core.languages import LANGUAGES
from newsletter.core.runtime import runtime
from newsletter.delivery.reports.next_digest import next_digest_at
from newsletter.subscribers.account import links, pausing
from newsletter.subscribers.models import Subscriber, SubscriberStatus
from newsletter.subscribers.preferences import Preferences, set_preferences
from newsletter.subscribers.suppression import suppressions
from newsletter.web import guards
from newsletter.web.readers import time_zones
from newsletter.web.readers.blueprint import pages
from newsletter.web.readers.preferences_form import PreferencesForm
from newsletter.web.template_filters import day, in_words, moment

NO_DAY = "Enter the day from which letters may come again, like 2026-12-31."

POLICY = guards.HEADERS["Content-Security-Policy"] + "; script-src 'self'"
"""This page alone has a script: one of ours that preselects the browser's time zone. It does without as well."""


@pages.get("/preferences/<token>")
@pages.get("/preferences/<token>/pause")
def preferences_page(token: str) -> ResponseReturnValue:
    """Shows the preferences; whoever gets no letter is told so."""
    with runtime().db.reading() as session:
        reader = links.reader_of_token(session, token)
        if reader.status != SubscriberStatus.ACTIVE:
            return render_template("not_subscribed.html", reader=reader, days=suppressions.BOUNCE_BLOCKS_FOR.days)
        return _page(session, reader)


@pages.post("/preferences/<token>", endpoint="preferences")
def save_preferences(token: str) -> ResponseReturnValue:
    """Saves the preferences and says what they mean."""
    typed = PreferencesForm.from_preferences(request.form)
    with runtime().db.transaction() as session:
        reader = _active(session, token)
        wanted, wrong = typed.preferences(_known(session, reader))
        if wrong:
            return _page(session, reader, typed=typed, errors=wrong), 422
        set_preferences(reader, wanted)
        return _page(session, reader, said=f"Saved. From now on you get {in_words(wanted)}.")


@pages.post("/preferences/<token>/pause")
def pause(token: str) -> ResponseReturnValue:
    """Pauses the letter until a day, or ends the pause."""
    until = request.form.get("until", "")
    with runtime().db.transaction() as session:
        reader = _active(session, token)
        if "end" in request.form:
            pausing.resume_subscription(reader)
            return _page(session, reader, said="The pause is over: letters come again.")
        try:
            pausing.pause_subscription(reader, _date(until), today=_today())
        except InvalidError as error:
            return _page(session, reader, until=until, errors={"until": str(error)}), 422
        return _page(session, reader, said=f"Paused. No letter comes before {day(reader.paused_until or _today())}.")


def _active(session: Session, token: str) -> Subscriber:
    reader = links.reader_of_token(session, token, for_change=True)
    if reader.status != SubscriberStatus.ACTIVE:
        raise ConflictError("No letter goes to this address, so there is nothing to choose.")
    return reader


def _page(
    session: Session,
    reader: Subscriber,
    *,
    typed: PreferencesForm | None = None,
    until: str = "",
    errors: dict[str, str] | None = None,
    said: str = "",
) -> Response:
    """The page with what was typed, or else chosen; `said` is what has just been done."""
    chosen = Preferences.of(reader)
    paused_until = reader.paused_until if reader.paused_until and reader.paused_until > _today() else None
    at = next_digest_at(session, runtime().settings, chosen, paused_until)
    html = render_template(
        "preferences.html",
        reader=reader,
        typed=typed or PreferencesForm.from_choices(chosen),
        sections=_known(session, reader),
        regions=time_zones.by_region(),
        languages=LANGUAGES,
        errors=errors or {},
        said=said,
        next_letter=moment(at, chosen.zone) if at else "",
        paused_until=paused_until,
        until=until,
        today=_today(),
        last_day=_today() + pausing.LONGEST,
    )
    response = make_response(html)
    response.headers["Content-Security-Policy"] = POLICY
    return response


def _known(session: Session, reader: Subscriber) -> list[str]:
    """The sections in use, and those that this reader chose before: one without a story may come back."""
    return sorted({*queries.sections(session), *(reader.sections or ())})


def _today() -> date:
    return clock.now().astimezone(runtime().settings.timezone).date()


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise InvalidError(NO_DAY) from error
