"""The feeds at their addresses, and the page that lists them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple, NoReturn
from urllib.parse import quote
from uuid import UUID

from flask import Response, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from newsletter.articles.feed_articles import last_change
from newsletter.core import public_paths
from newsletter.core.config import Settings
from newsletter.core.db.public_content import read_namespace
from newsletter.core.errors import NotFoundError
from newsletter.core.languages import PUBLICATION_LANGUAGE, gettext_noop, language_of
from newsletter.core.runtime import runtime
from newsletter.web.feeds.blueprint import pages
from newsletter.web.feeds.feed import Entry, Feed, urn
from newsletter.web.feeds.json_feed import json_feed
from newsletter.web.feeds.letter_entries import letter_entries
from newsletter.web.feeds.story_entries import correction_entries, story_entries
from newsletter.web.feeds.xml_text import one_line
from newsletter.web.navigation import sections_in_use
from newsletter.web.page_cache import cached_page

FORMS = {"rss": "application/rss+xml", "atom": "application/atom+xml", "json": "application/feed+json"}
"""The media type of each format, by the end of its address."""
FORM_NAMES = {"rss": "RSS", "atom": "Atom", "json": "JSON Feed"}


class Kind(NamedTuple):
    """A feed that is not of a section."""

    title: str
    description: str
    page: str
    """The path of the page that shows the same."""
    entries: Callable[[Session, Settings, UUID], tuple[Entry, ...]]


KINDS = {
    "stories": Kind(
        gettext_noop("%(publication)s: stories"),
        gettext_noop("All stories, each with its sources and a trust score."),
        public_paths.ARTICLES,
        story_entries,
    ),
    "corrections": Kind(
        gettext_noop("%(publication)s: corrections"),
        gettext_noop("What was wrong, and what is right."),
        public_paths.CORRECTIONS,
        correction_entries,
    ),
    "letters": Kind(
        gettext_noop("%(publication)s: letters"),
        gettext_noop("Each letter as it was sent, with what was corrected since."),
        public_paths.LETTERS,
        letter_entries,
    ),
}
"""By the name in the address."""

SECTION_TITLE = gettext_noop("%(publication)s: %(section)s")
_FORM = "<any(rss,atom,json):form>"


@pages.get(public_paths.feed(f"<any({','.join(KINDS)}):feed_name>", _FORM))
@cached_page
def feed(feed_name: str, form: str) -> ResponseReturnValue:
    """All stories, all corrections, or all letters."""
    kind, settings = KINDS[feed_name], runtime().settings
    with runtime().db.reading() as session:
        namespace, changed_at = read_namespace(session), last_change(session)
        entries = kind.entries(session, settings, namespace)
    made = Feed(
        id=urn(namespace, f"feed/{feed_name}"),
        title=title_of(feed_name),
        description=_words(kind.description),
        address=settings.url(public_paths.feed(feed_name, form)),
        page=settings.url(kind.page),
        language=PUBLICATION_LANGUAGE,
        publication=one_line(settings.publication_name),
        entries=entries,
        hub=settings.websub_hub,
    )
    return _answer(made, form, changed_at)


@pages.get(public_paths.section_feed("<path:section>", _FORM))
@cached_page
def section_feed(section: str, form: str) -> ResponseReturnValue:
    """The stories of a section."""
    settings = runtime().settings
    if section not in sections_in_use():
        _refuse()
    with runtime().db.reading() as session:
        namespace, changed_at = read_namespace(session), last_change(session)
        entries = story_entries(session, settings, namespace, section)
    made = Feed(
        id=urn(namespace, f"feed/sections/{section}"),
        title=title_of(section=section),
        description=_words(gettext_noop("The stories of a section, each with its sources and a trust score.")),
        address=settings.url(public_paths.section_feed(quote(section), form)),
        page=settings.url(f"{public_paths.ARTICLES}?section={quote(section, safe='')}"),
        language=PUBLICATION_LANGUAGE,
        publication=one_line(settings.publication_name),
        entries=entries,
        hub=settings.websub_hub,
    )
    return _answer(made, form, changed_at)


@pages.get(public_paths.FEEDS)
@cached_page
def all_feeds() -> str:
    """The page that lists the feeds."""
    return render_template("feeds.html", kinds=KINDS, forms=FORM_NAMES, sections=sections_in_use())


@pages.get(f"{public_paths.FEEDS}/<path:unknown>")
def unknown_feed(unknown: str) -> NoReturn:
    """Any other address below the list."""
    _refuse()


def title_of(name: str = "", *, section: str = "") -> str:
    """The title of a feed by its name, or of a section's."""
    return _words(SECTION_TITLE, section=section) if section else _words(KINDS[name].title)


def _refuse() -> NoReturn:
    address = runtime().settings.url(public_paths.FEEDS)
    raise NotFoundError(
        "feed.unknown", gettext_noop("There is no such feed. All feeds are listed at %(address)s."), address=address
    )


def _words(text: str, **values: str) -> str:
    spoken = language_of(PUBLICATION_LANGUAGE).gettext(text)
    return one_line(spoken % {"publication": runtime().settings.publication_name, **values})


def _answer(made: Feed, form: str, changed_at: datetime | None) -> Response:
    """The feed in a format. It is modified by what moves no entry, too: a withdrawal, or a story of an earlier day."""
    text = json_feed(made) if form == "json" else render_template(f"feeds/{form}.xml", feed=made)
    response = Response(text, content_type=f"{FORMS[form]}; charset=utf-8")
    response.last_modified = max(made.updated, changed_at or made.updated)
    if made.hub:
        response.headers["Link"] = f'<{made.hub}>; rel="hub", <{made.address}>; rel="self"'
    return response
