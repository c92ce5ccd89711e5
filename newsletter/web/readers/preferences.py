"""A reader's choices, opened by the link in every letter."""

from __future__ import annotations

from flask import render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from newsletter.articles import queries
from newsletter.core.errors import ConflictError
from newsletter.core.runtime import runtime
from newsletter.subscribers import choices, links
from newsletter.subscribers.choices import Choices
from newsletter.subscribers.models import Status, Subscriber
from newsletter.web.readers.blueprint import pages
from newsletter.web.readers.typed import Typed


@pages.get("/preferences/<token>")
def preferences_page(token: str) -> str:
    """Shows the choices; whoever gets no letter is told so."""
    with runtime().db.reading() as session:
        reader = links.owner(session, token)
        if reader.status != Status.ACTIVE:
            return render_template("no_letter.html", reader=reader)
        return _page(session, reader, Typed.from_choices(Choices.of(reader)))


@pages.post("/preferences/<token>")
def preferences(token: str) -> ResponseReturnValue:
    """Saves the choices and says what they mean."""
    typed = Typed.from_form(request.form)
    with runtime().db.transaction() as session:
        reader = links.owner(session, token, for_change=True)
        if reader.status != Status.ACTIVE:
            raise ConflictError("No letter goes to this address, so there is nothing to choose. You can sign up again.")
        wanted, wrong = typed.choices(_known(session, reader))
        if wrong:
            return _page(session, reader, typed, wrong), 422
        choices.change(reader, wanted)
        return _page(session, reader, Typed.from_choices(wanted), saved=wanted)


def _page(
    session: Session,
    reader: Subscriber,
    typed: Typed,
    wrong: dict[str, str] | None = None,
    saved: Choices | None = None,
) -> str:
    sections = _known(session, reader)
    return render_template(
        "preferences.html", reader=reader, typed=typed, sections=sections, errors=wrong or {}, saved=saved
    )


def _known(session: Session, reader: Subscriber) -> list[str]:
    """The sections in use, and those that this reader chose before: one without a story may come back."""
    return sorted({*queries.sections(session), *(reader.sections or ())})
