"""The last letter, shown to whoever wants to see one before signing up."""

from __future__ import annotations

from flask import Response, render_template
from flask.typing import ResponseReturnValue

from newsletter.core.runtime import runtime
from newsletter.delivery.reports import latest
from newsletter.web import errors
from newsletter.web.readers.blueprint import pages

MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; frame-ancestors 'none'; sandbox"
"""A mail carries its styles in itself, and may do nothing else."""


@pages.get("/sample")
def sample_mail() -> ResponseReturnValue:
    """The HTML of the mail itself. Its links to a reader's own pages lead to one that says what they are for."""
    with runtime().db.reading() as session:
        digest = latest.latest_digest(session)
        if digest is None:
            return errors.answer(404, "No letter has been sent yet", "The first one will be shown here.")
        mail = latest.latest_digest_html(session, digest, instead=runtime().settings.url("/sample/links"))
    response = Response(mail, mimetype="text/html")
    response.headers["Content-Security-Policy"] = MAIL_POLICY
    return response


@pages.get("/sample/links")
def sample_links() -> str:
    """What a sample's links for changing and leaving lead to."""
    return render_template("sample_links.html")
