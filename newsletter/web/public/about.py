"""The pages on who is behind it: the people, what is kept of readers, the imprint."""

from __future__ import annotations

from flask import render_template

from newsletter.core import public_paths
from newsletter.core.runtime import runtime
from newsletter.privacy.kept_data import KEPT
from newsletter.web.language import page_language
from newsletter.web.public.blueprint import pages
from newsletter.web.site_texts import SiteText, site_text


@pages.get(public_paths.ABOUT)
def about() -> str:
    """The people, and how a story is made."""
    return render_template("about.html", text=_text("about", "people"), people=runtime().settings.people)


@pages.get(public_paths.IMPRINT)
def imprint() -> str:
    """The publisher, and how to reach them."""
    return render_template("imprint.html", text=_text("imprint", "people"), people=runtime().settings.people)


@pages.get(public_paths.PRIVACY)
def privacy() -> str:
    """Everything that is kept about readers: what, why and for how long, as the software has it."""
    settings, language = runtime().settings, page_language()
    rows = [
        (
            language.gettext(kept.what),
            language.gettext(kept.why),
            language.gettext(kept.until) % {"time": language.lasting(kept.time(settings)) if kept.time else ""},
        )
        for kept in KEPT
    ]
    return render_template("privacy.html", text=_text("privacy", "kept"), rows=rows)


def _text(name: str, part: str) -> SiteText:
    return site_text(name, part, runtime().settings, page_language())
