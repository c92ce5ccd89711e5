"""A change of address: entered by a one-time link, confirmed at the new address, and undone from the old."""

from __future__ import annotations

from flask import request
from flask.typing import ResponseReturnValue

from newsletter.core import public_paths, tokens
from newsletter.core.runtime import runtime
from newsletter.subscribers.account import address_change, one_time_links
from newsletter.subscribers.mailbox_pauses import MailboxPauses
from newsletter.subscribers.models import LinkPurpose, Subscriber
from newsletter.subscribers.signup import typos
from newsletter.web.forms.preferences_form import FieldErrors, PreferencesForm
from newsletter.web.language import page_language, requested_language, speak_to
from newsletter.web.readers.blueprint import enqueue_mail, pages, render_for


@pages.get(public_paths.one_time_page(LinkPurpose.ADDRESS, "<token>"))
def address_page(token: str) -> str:
    """Show the form for the new address."""
    with runtime().db.reading() as session:
        reader = one_time_links.reader_of(session, runtime().settings.signing_keys, LinkPurpose.ADDRESS, token)
    return _form(reader, token, PreferencesForm(), {})


@pages.post(public_paths.one_time_page(LinkPurpose.ADDRESS, "<token>"))
def address(token: str) -> ResponseReturnValue:
    """Send a link to the new address; the answer is the same whoever owns it."""
    form = PreferencesForm(email=request.form.get("email", ""))
    new, errors = form.address()
    settings, pauses = runtime().settings, MailboxPauses.present(runtime())
    with pauses.counting(), runtime().db.transaction() as session:
        reader = one_time_links.reader_of(session, settings.signing_keys, LinkPurpose.ADDRESS, token, for_change=True)
        speak_to(reader.language)
        if errors:
            return _form(reader, token, form, errors), 422
        mail = address_change.request_change(session, pauses, reader, new)
    enqueue_mail(mail)
    days, suggestion = address_change.LINK_AGE.days, typos.suggestion(new)
    values = {"address": new, "days": days, "suggestion": suggestion, "token": tokens.clean_token(token)}
    return render_for(reader, "address_requested.html", **values)


@pages.get(public_paths.new_address("<token>"))
def new_address_page(token: str) -> str:
    """Show the button, unless the address has been changed already."""
    settings = runtime().settings
    with runtime().db.reading() as session:
        reader, change = address_change.change_of_new_address(session, settings, token)
    if change.changed_at:
        return render_for(reader, "new_address_done.html")
    speak_to(reader.language)
    agreement = address_change.agreement_text(settings.publication_name, page_language().code)
    return render_for(reader, "new_address.html", address=change.address, agreement=agreement)


@pages.post(public_paths.new_address("<token>"))
def new_address(token: str) -> str:
    """Change the address, and notify the old one."""
    with runtime().db.transaction() as session:
        reader, mail = address_change.change_address(session, runtime().settings, token, language=requested_language())
    enqueue_mail(mail)
    return render_for(reader, "new_address_done.html")


@pages.get(public_paths.old_address("<token>"))
def old_address_page(token: str) -> str:
    """Show the button that undoes the change."""
    with runtime().db.reading() as session:
        reader, change = address_change.change_of_old_address(session, runtime().settings, token)
    return render_for(reader, "old_address.html", address=change.address)


@pages.post(public_paths.old_address("<token>"))
def old_address(token: str) -> str:
    """Undo the change."""
    with runtime().db.transaction() as session:
        reader = address_change.undo_change(session, runtime().settings, token)
    return render_for(reader, "old_address_done.html")


def _form(reader: Subscriber, token: str, form: PreferencesForm, errors: FieldErrors) -> str:
    return render_for(reader, "address.html", token=tokens.clean_token(token), form=form, errors=errors)
