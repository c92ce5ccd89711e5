"""The front page."""

from __future__ import annotations

from datetime import timedelta

from flask import render_template

from newsletter.articles.front_articles import corrected_since, latest_by_section, top_revision
from newsletter.articles.texts import bullets_html
from newsletter.core import clock, public_paths
from newsletter.core.runtime import runtime
from newsletter.delivery.letters.changes_since import changes_since
from newsletter.public_record.tallies import latest_letter
from newsletter.support.months import present_month
from newsletter.support.received import present_against_goal
from newsletter.web.forms.preferences_form import PreferencesForm
from newsletter.web.forms.signup_form import SignupForm
from newsletter.web.language import page_language
from newsletter.web.public.blueprint import pages
from newsletter.web.readers.signup import signup_values

LATEST_STORIES = 6
STORIES_OF_LETTER = 7
"""At most: the letter's page has all."""
LATELY = timedelta(days=7)
"""The time for which a correction is mentioned."""
CORRECTIONS = 2


@pages.get(public_paths.FRONT)
def front() -> str:
    """Show what this is, how to get it, the last letter, and the latest stories."""
    form = SignupForm(PreferencesForm(language=page_language().code))
    with runtime().db.reading() as session:
        letter, readers = latest_letter(session)
        latest = latest_by_section(session, LATEST_STORIES)
        top = top_revision(session, latest)
        return render_template(
            "front.html",
            letter=letter,
            readers=readers,
            since=changes_since(session, [letter.id], runtime().settings.timezone)[letter.id] if letter else {},
            stories_of_letter=STORIES_OF_LETTER,
            latest=latest,
            points=bullets_html(top) if top else [],
            support=present_against_goal(session, present_month(runtime().settings.timezone)),
            corrections=corrected_since(session, clock.now() - LATELY, CORRECTIONS),
            **signup_values(form, []),
        )
