"""The links at each page's head and foot, in one place, and the sections of the masthead.

A page that is added gets its line here.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from flask import Flask, current_app, g

from newsletter.articles import queries
from newsletter.core.languages import gettext_noop
from newsletter.core.runtime import runtime
from newsletter.web.page_cache import public_version

LATELY = 1.0
"""Seconds."""
_KEY = "newsletter.sections"
_ASK_NOBODY = "masthead_asks_nobody"


class PageLink(NamedTuple):
    """A page by its endpoint, and the words that lead there."""

    endpoint: str
    words: str
    is_wide: bool = False
    """Left out of the masthead on phones: the foot has it."""
    below: tuple[str, ...] = ()
    """The endpoints of the pages below it, on which the masthead marks it too."""


HEAD = (
    PageLink("public.articles", gettext_noop("Stories"), below=("public.article", "public.revision")),
    PageLink("public.letters", gettext_noop("Letters"), below=("public.letter", "public.letter_source")),
    PageLink("public.corrections", gettext_noop("Corrections"), is_wide=True, below=("public.history",)),
    PageLink("public.support", gettext_noop("Support")),
    PageLink("public.in_the_open", gettext_noop("In the open"), is_wide=True),
)
"""The links of the masthead, before the one to the sign-up."""

FOOT = (
    PageLink("public.trust", gettext_noop("What trust means")),
    PageLink("public.corrections", gettext_noop("Corrections")),
    PageLink("public.in_the_open", gettext_noop("In the open")),
    PageLink("public.about", gettext_noop("About us")),
    PageLink("public.privacy", gettext_noop("Privacy")),
    PageLink("public.imprint", gettext_noop("Imprint")),
    PageLink("feeds.all_feeds", gettext_noop("Feeds")),
    PageLink("readers.embed", gettext_noop("Put the sign-up form on your own site")),
)
"""The links at the foot."""


class _Sections(NamedTuple):
    """The sections, and the version of public content at which they were read."""

    names: list[str]
    version: int | None = None
    compared_at: float = float("-inf")
    """When the version was last found to be the present one, by the monotonic clock."""


def install(app: Flask) -> None:
    """Let templates ask for links and sections."""
    app.extensions[_KEY] = _Sections([])
    app.jinja_env.globals.update(head_links=HEAD, foot_links=FOOT, sections_in_use=sections_in_use)


def ask_nobody() -> None:
    """Make this page without the database: it may be at fault, and the reader would wait for it a second time."""
    g.setdefault(_ASK_NOBODY, True)


def sections_in_use() -> list[str]:
    """The sections, read anew when public content has changed; on the page of a fault those known before."""
    known: _Sections = current_app.extensions[_KEY]
    if g.get(_ASK_NOBODY):
        return known.names
    version = public_version()  # first: a change in between then makes what is read old
    names = known.names
    if known.version != version:
        with runtime().db.reading() as session:
            names = queries.sections(session)
    current_app.extensions[_KEY] = _Sections(names, version, time.monotonic())
    return names


def sections_lately() -> list[str]:
    """The sections as they were LATELY seconds ago at most, for an answer that only repeats them."""
    known: _Sections = current_app.extensions[_KEY]
    return known.names if time.monotonic() - known.compared_at < LATELY else sections_in_use()
