"""Another address: entered by a fresh link, confirmed at the new address, and taken back from the old."""

from __future__ import annotations

from flask import render_template, request
from flask.typing import ResponseReturnValue

from newsletter.core import tokens
from newsletter.core.runtime import runtime
from newsletter.subscribers import fresh, moving
from newsletter.subscribers.fresh import Kind
from newsletter.subscribers.models import Subscriber
from newsletter.web.readers.blueprint import pages
from newsletter.web.readers.typed import Typed


@pages.get("/address/<token>")
def address_page(token: str) -> str:
    """Takes the new address."""
    with runtime().db.reading() as session:
        reader = fresh.reader_of(session, runtime().settings.signing_keys, Kind.ADDRESS, token)
    return _form(reader, token, Typed(), {})


@pages.post("/address/<token>")
def address(token: str) -> ResponseReturnValue:
    """Asks the new address; the answer is the same whoever's it is."""
    typed = Typed.from_form(request.form)
    new, wrong = typed.address()
    settings = runtime().settings
    with runtime().db.transaction() as session:
        reader = fresh.reader_of(session, settings.signing_keys, Kind.ADDRESS, token, for_change=True)
        if wrong:
            return _form(reader, token, typed, wrong), 422
        mail = moving.ask(session, reader, new)
    _wake(mail)
    return render_template("address_asked.html", address=new, days=moving.AGE.days, token=tokens.tidy(token))


@pages.get("/new-address/<token>")
def new_address_page(token: str) -> str:
    """Shows the button; what is done already is said so."""
    settings = runtime().settings
    with runtime().db.reading() as session:
        reader, change = moving.asked(session, settings, token)
    if change.moved_at:
        return render_template("new_address_done.html", reader=reader)
    agreement = moving.AGREEMENT.format(publication=settings.publication_name)
    return render_template("new_address.html", address=change.address, agreement=agreement)


@pages.post("/new-address/<token>")
def new_address(token: str) -> str:
    """The button: the letter comes to the new address, and the old one is told."""
    with runtime().db.transaction() as session:
        reader, mail = moving.move(session, runtime().settings, token)
    _wake(mail)
    return render_template("new_address_done.html", reader=reader)


@pages.get("/old-address/<token>")
def old_address_page(token: str) -> str:
    """Shows the button that takes the change back."""
    with runtime().db.reading() as session:
        _, change = moving.moved(session, runtime().settings, token)
    return render_template("old_address.html", address=change.address)


@pages.post("/old-address/<token>")
def old_address(token: str) -> str:
    """The button: the letter comes to the old address again."""
    with runtime().db.transaction() as session:
        reader = moving.move_back(session, runtime().settings, token)
    return render_template("old_address_done.html", reader=reader)


def _form(reader: Subscriber, token: str, typed: Typed, errors: dict[str, str]) -> str:
    return render_template("address.html", reader=reader, token=tokens.tidy(token), typed=typed, errors=errors)


def _wake(mail: int | None) -> None:
    if mail is not None:
        runtime().queues.wake_mail(mail)
