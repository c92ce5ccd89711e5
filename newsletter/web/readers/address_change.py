"""Another address: entered by a fresh link, confirmed at the new address, and taken back from the old."""

from __future__ import annotations

from flask import render_template, request
from flask.typing import ResponseReturnValue

from newsletter.core import tokens
from newsletter.core.runtime import runtime
from newsletter.subscribers.account import address_change, one_time_links
from newsletter.subscribers.models import LinkPurpose, Subscriber
from newsletter.web.readers.blueprint import pages
from newsletter.web.readers.preferences_form import PreferencesForm


@pages.get("/address/<token>")
def address_page(token: str) -> str:
    """Takes the new address."""
    with runtime().db.reading() as session:
        reader = one_time_links.reader_of(session, runtime().settings.signing_keys, LinkPurpose.ADDRESS, token)
    return _form(reader, token, PreferencesForm(), {})


@pages.post("/address/<token>")
def address(token: str) -> ResponseReturnValue:
    """Asks the new address; the answer is the same whoever's it is."""
    typed = PreferencesForm.from_form(request.form)
    new, wrong = typed.address()
    settings = runtime().settings
    with runtime().db.transaction() as session:
        reader = one_time_links.reader_of(session, settings.signing_keys, LinkPurpose.ADDRESS, token, for_change=True)
        if wrong:
            return _form(reader, token, typed, wrong), 422
        mail = address_change.request_change(session, reader, new)
    _wake(mail)
    return render_template(
        "address_requested.html", address=new, days=address_change.LINK_AGE.days, token=tokens.clean_token(token)
    )


@pages.get("/new-address/<token>")
def new_address_page(token: str) -> str:
    """Shows the button; what is done already is said so."""
    settings = runtime().settings
    with runtime().db.reading() as session:
        reader, change = address_change.change_of_new_address(session, settings, token)
    if change.changed_at:
        return render_template("new_address_done.html", reader=reader)
    agreement = address_change.AGREEMENT.format(publication=settings.publication_name)
    return render_template("new_address.html", address=change.address, agreement=agreement)


@pages.post("/new-address/<token>")
def new_address(token: str) -> str:
    """The button: the letter comes to the new address, and the old one is told."""
    with runtime().db.transaction() as session:
        reader, mail = address_change.change_address(session, runtime().settings, token)
    _wake(mail)
    return render_template("new_address_done.html", reader=reader)


@pages.get("/old-address/<token>")
def old_address_page(token: str) -> str:
    """Shows the button that takes the change back."""
    with runtime().db.reading() as session:
        _, change = address_change.change_of_old_address(session, runtime().settings, token)
    return render_template("old_address.html", address=change.address)


@pages.post("/old-address/<token>")
def old_address(token: str) -> str:
    """The button: the letter comes to the old address again."""
    with runtime().db.transaction() as session:
        reader = address_change.undo_change(session, runtime().settings, token)
    return render_template("old_address_done.html", reader=reader)


def _form(reader: Subscriber, token: str, typed: PreferencesForm, errors: dict[str, str]) -> str:
    return render_template("address.html", reader=reader, token=tokens.clean_token(token), typed=typed, errors=errors)


def _wake(mail: int | None) -> None:
    if mail is not None:
        runtime().queues.enqueue_mail(mail)
