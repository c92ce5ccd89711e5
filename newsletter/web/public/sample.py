"""The last letter, for people who want to see one before they sign up."""

from __future__ import annotations

from flask import Response, render_template, url_for
from flask.typing import ResponseReturnValue

from newsletter.core import public_paths
from newsletter.core.errors import NotFoundError
from newsletter.core.languages import gettext_noop
from newsletter.core.runtime import runtime
from newsletter.delivery.reports import latest
from newsletter.web.kept_pages import kept_page
from newsletter.web.language import page_language
from newsletter.web.public.blueprint import pages

MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; frame-ancestors 'none'; sandbox"
"""A mail carries its styles in itself, and may do nothing else."""


@pages.get(public_paths.SAMPLE)
@kept_page
def sample_mail() -> ResponseReturnValue:
    """The HTML of the mail itself, in the language of the page. Its links to a reader's own pages lead to one that says
    what they are for.
    """
    with runtime().db.reading() as session:
        digest = latest.latest_digest(session)
        if digest is None:
            raise NotFoundError(
                "sample.none", gettext_noop("No letter has been sent yet. The first one will be shown here.")
            )
        language = page_language().code
        instead = url_for("public.sample_links", language=language)
        settings = runtime().settings
        mail = latest.latest_digest_html(session, settings, digest, language, instead=settings.url(instead))
    response = Response(mail, mimetype="text/html")
    response.headers["Content-Security-Policy"] = MAIL_POLICY
    return response


@pages.get(public_paths.SAMPLE_LINKS)
def sample_links() -> str:
    """Where a sample's links to preferences and unsubscribing lead."""
    return render_template("sample_links.html")
