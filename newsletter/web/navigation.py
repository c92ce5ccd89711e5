"""The links at each page's head and foot, in one place, and the sections of the masthead.

A page that is added gets its line here. A line whose page does not exist is left out.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from flask import Flask, current_app
from sqlalchemy.exc import SQLAlchemyError

from newsletter.articles import queries
from newsletter.core import clock
from newsletter.core.languages import gettext_noop
from newsletter.core.runtime import runtime

log = logging.getLogger(__name__)

REMEMBERED_FOR = timedelta(minutes=1)
"""The time after which the sections are read again."""
_KEY = "newsletter.masthead"


class Link(NamedTuple):
    """A page by its endpoint, and the words that lead there."""

    endpoint: str
    words: str
    is_wide: bool = False
    """Left out of the masthead on phones: the foot has it."""


HEAD = (
    Link("public.articles", gettext_noop("Stories")),
    Link("public.letters", gettext_noop("Letters")),
    Link("public.corrections", gettext_noop("Corrections"), is_wide=True),
    Link("public.support", gettext_noop("Support")),
    Link("public.in_the_open", gettext_noop("In the open"), is_wide=True),
)
"""The links of the masthead, before the one to the sign-up."""

FOOT = (
    Link("public.trust", gettext_noop("What trust means")),
    Link("public.corrections", gettext_noop("Corrections")),
    Link("public.in_the_open", gettext_noop("In the open")),
    Link("public.about", gettext_noop("About us")),
    Link("public.privacy", gettext_noop("Privacy")),
    Link("public.imprint", gettext_noop("Imprint")),
    Link("readers.embed", gettext_noop("Put the sign-up form on your own site")),
)
"""The links at the foot."""


@dataclass
class _Masthead:
    """The sections, and when they were read."""

    sections: list[str]
    read_at: datetime | None = None


def install(app: Flask) -> None:
    """Let templates ask for links and sections, and whether there is a page."""
    app.extensions[_KEY] = _Masthead([])
    app.jinja_env.globals.update(
        head_links=lambda: _existing(HEAD), foot_links=lambda: _existing(FOOT), sections_in_use=sections_in_use
    )
    app.jinja_env.tests["page"] = _is_page


def sections_in_use() -> list[str]:
    """The sections, as they were within the last minute: no page costs a query for its masthead. While the database
    does not answer, those that were known before; the page that says so has a masthead, too.
    """
    known: _Masthead = current_app.extensions[_KEY]
    now = clock.now()
    if known.read_at is None or abs(now - known.read_at) > REMEMBERED_FOR:
        known.read_at = now  # first, so that other threads do not ask as well
        try:
            with runtime().db.reading() as session:
                known.sections = queries.sections(session)
        except SQLAlchemyError as error:
            log.warning("no sections for the masthead: %s", type(error).__name__)
    return known.sections


def _existing(links: tuple[Link, ...]) -> list[Link]:
    return [link for link in links if _is_page(link.endpoint)]


def _is_page(endpoint: str) -> bool:
    return endpoint in current_app.view_functions
