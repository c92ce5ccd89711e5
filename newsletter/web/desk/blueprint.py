"""The blueprint that all views of the desk share, and what they share: who is signed in, and the page around."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, Response, g, make_response, render_template

from newsletter.core import clock, public_paths
from newsletter.core.languages import gettext_noop
from newsletter.core.runtime import runtime
from newsletter.staff.sessions import SignedIn
from newsletter.web.desk import navigation, wire
from newsletter.web.language import page_language

TODAY = gettext_noop("today, %(time)s")

desk = Blueprint("desk", __name__, url_prefix=public_paths.DESK)


@desk.app_template_filter("when")
def when(moment: datetime) -> str:
    """A time in the publication's zone, as short as it can be: "today, 15:20", "6 May, 07:58", "6 May 2025, 07:58"."""
    zone = runtime().settings.timezone
    local, today = moment.astimezone(zone), clock.now().astimezone(zone).date()
    if local.date() == today:
        return page_language().gettext(TODAY) % {"time": f"{local:%H:%M}"}
    year = "" if local.year == today.year else f" {local.year}"
    return f"{local.day} {local:%B}{year}, {local:%H:%M}"


def signed_in() -> SignedIn:
    """The person whose request this is. Only for views that need more than a visitor."""
    found: SignedIn | None = g.get("signed_in")
    assert found is not None
    return found


def visitor_or_person() -> SignedIn | None:
    """The person whose request this is; None while nobody is signed in."""
    found: SignedIn | None = g.get("signed_in")
    return found


def render_desk(template: str, **values: Any) -> str:
    """A page of the desk with masthead, navigation and wire; its template extends "desk/layout.html"."""
    person = visitor_or_person()
    return render_template(
        f"desk/{template}",
        person=person,
        navigation=navigation.links_for(person) if person else (),
        wire=wire.present_line() if person else None,
        **values,
    )


def page_with_errors(template: str, **values: Any) -> Response:
    """The same for a form that has to be mended (422)."""
    return make_response(render_desk(template, **values), 422)
