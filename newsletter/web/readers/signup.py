"""The front page and the sign-up."""

from __future__ import annotations

from typing import Any

from flask import abort, jsonify, render_template, request
from flask.typing import ResponseReturnValue

from newsletter.articles import queries
from newsletter.core.runtime import runtime
from newsletter.subscribers import addresses, links, signup
from newsletter.web import errors, guards
from newsletter.web.readers.blueprint import pages
from newsletter.web.readers.typed import Typed

LATEST = 5
"""Stories on the front page."""


@pages.get("/")
def front() -> str:
    """What the letter is, the sign-up, and the latest stories."""
    with runtime().db.reading() as session:
        latest = queries.current(session, LATEST)
        return render_template("front.html", latest=latest, **_form(Typed(), queries.sections(session)))


@pages.get("/subscribe")
def subscribe_page() -> str:
    """The sign-up alone."""
    with runtime().db.reading() as session:
        return render_template("subscribe.html", **_form(Typed(), queries.sections(session)))


@pages.post("/subscribe")
def subscribe() -> ResponseReturnValue:
    """Sign up: the answer is the same for every address. From another site's form, first a page of ours."""
    typed = Typed.from_json(request.get_json(silent=True)) if request.is_json else Typed.from_form(request.form)
    if guards.is_foreign():
        return _ask_here(typed)
    settings = runtime().settings
    with runtime().db.transaction() as session:
        known = queries.sections(session)
        address, wrong_address = typed.address()
        choices, wrong_choices = typed.choices(known)
        if wrong := {**wrong_address, **wrong_choices}:
            return _ask_again(typed, known, wrong)
        signup.ask(session, address, choices, page="/subscribe", wording=signup.agreement(settings.publication_name))
    runtime().queues.wake_signups()
    return _asked(address)


def _asked(address: str) -> ResponseReturnValue:
    days = links.CONFIRMATION_AGE.days
    if errors.wants_json():
        return jsonify(status="confirmation_sent", address=addresses.mask(address), link_works_days=days), 202
    return render_template("check_mailbox.html", address=address, days=days)


def _ask_again(typed: Typed, known: list[str], wrong: dict[str, str]) -> ResponseReturnValue:
    if errors.wants_json():
        return errors.answer(422, "That cannot be taken", " ".join(wrong.values()), errors=wrong)
    return render_template("subscribe.html", **_form(typed, known, wrong)), 422


def _ask_here(typed: Typed) -> ResponseReturnValue:
    """A page of ours with the form filled in: one press of its button signs up."""
    if errors.wants_json():
        abort(403)
    with runtime().db.reading() as session:
        return render_template("subscribe.html", **_form(typed, queries.sections(session), came_from_elsewhere=True))


def _form(
    typed: Typed, known: list[str], wrong: dict[str, str] | None = None, *, came_from_elsewhere: bool = False
) -> dict[str, Any]:
    return {"typed": typed, "sections": known, "errors": wrong or {}, "came_from_elsewhere": came_from_elsewhere}
