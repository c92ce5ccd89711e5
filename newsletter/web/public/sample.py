"""The last letter, for people who want to see one before they sign up."""

from __future__ import annotations

from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from newsletter.core import public_paths
from newsletter.core.errors import NotFoundError
from newsletter.core.languages import gettext_noop
from newsletter.core.runtime import runtime
from newsletter.delivery.letters import letter_list
from newsletter.web.public.blueprint import pages


@pages.get(public_paths.SAMPLE)
def sample() -> ResponseReturnValue:
    """Lead to the last letter's page, so that a letter has one address, which stays when the next one is out."""
    with runtime().db.reading() as session:
        letter = letter_list.latest_letter(session)
    if letter is None:
        raise NotFoundError(
            "sample.none", gettext_noop("No letter has been sent yet. The first one will be shown here.")
        )
    response = redirect(url_for("public.letter", letter_name=letter.letter_name))
    response.data, response.mimetype = b"", "text/plain"  # Werkzeug's own page has neither a language nor our look
    return response
