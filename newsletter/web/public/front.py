"""The front page."""

from __future__ import annotations

from flask import render_template

from newsletter.articles import article_list, queries
from newsletter.core import public_paths
from newsletter.core.markdown import block_text
from newsletter.core.runtime import runtime
from newsletter.delivery.reports.latest import latest_digest
from newsletter.web.forms.preferences_form import PreferencesForm
from newsletter.web.forms.signup_form import SignupForm
from newsletter.web.language import page_language
from newsletter.web.public.blueprint import pages
from newsletter.web.readers.signup import signup_values

LATEST_STORIES = 5
"""Stories on the front page while no letter has been sent."""
STORIES_OF_LETTER = 3
"""Stories of the last letter there."""


@pages.get(public_paths.FRONT)
def front() -> str:
    """Show the newsletter, the sign-up, and the last letter, or the latest stories while none has been sent."""
    with runtime().db.reading() as session:
        letter = latest_digest(session)
        stories = letter.revisions if letter else article_list.latest_articles(session, LATEST_STORIES)
        form = SignupForm(PreferencesForm(language=page_language().code))
        return render_template(
            "front.html",
            letter=letter,
            intro=block_text(letter.intro).split("\n\n") if letter and letter.intro else [],
            stories=stories,
            stories_of_letter=STORIES_OF_LETTER,
            **signup_values(form, queries.sections(session)),
        )
