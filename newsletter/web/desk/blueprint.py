"""The blueprint that all views of the desk share, and what they share: who is signed in, and the page around."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g, make_response, render_template

from newsletter.core import public_paths
from newsletter.staff.sessions import SignedIn
from newsletter.web.desk import digest_words, navigation, wire

desk = Blueprint("desk", __name__, url_prefix=public_paths.DESK)


for _filter in digest_words.FILTERS:
    desk.add_app_template_filter(_filter)


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
