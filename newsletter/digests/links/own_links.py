"""Links to the service's own pages. They are never fetched: the paths and the database say whether there is a page."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.articles.models import Article
from newsletter.core import public_paths
from newsletter.core.config import Settings
from newsletter.digests.models import Digest

_PAGES = frozenset(
    (
        *(public_paths.FRONT, public_paths.SUBSCRIBE, public_paths.EMBED, public_paths.SAMPLE, public_paths.ARTICLES),
        *(public_paths.FEEDS, public_paths.SITEMAP, public_paths.ABOUT, public_paths.PRIVACY, public_paths.IMPRINT),
        *(public_paths.ROBOTS, public_paths.SECURITY, public_paths.FAVICON, public_paths.LETTERS, public_paths.TRUST),
        *(public_paths.CORRECTIONS, public_paths.SUPPORT, public_paths.OPEN, public_paths.OPEN_FIGURES),
        public_paths.OPEN_MESSAGE,
    )
)
"""Pages that are always there. A test compares them and the forms below with the routes."""


class _Form(NamedTuple):
    """A form of paths, and the table in which the name is looked up, if any."""

    pattern: re.Pattern[str]
    table: str = ""


def _form(path: str, table: str = "") -> _Form:
    """A pattern from `path`: NAME stands for what the table knows, REST and NUMBER for what is not looked up."""
    pattern = re.escape(path).replace("NAME", "(?P<name>[^/]+)").replace("REST", ".+").replace("NUMBER", "[0-9]+")
    return _Form(re.compile(pattern), table)


_FORMS = (
    _form(public_paths.article("NAME"), "articles"),
    _form(public_paths.history("NAME"), "articles"),
    _form(public_paths.revision("NAME", "NUMBER"), "articles"),
    _form(public_paths.share_image("NAME", "NUMBER"), "articles"),
    _form(public_paths.letter("NAME"), "letters"),
    _form(public_paths.letter_mail("NAME"), "letters"),
    _form(public_paths.letter_text("NAME"), "letters"),
    _form(public_paths.letter_source("NAME"), "letters"),
    _form(public_paths.letter_message("NAME"), "letters"),
    _form(public_paths.letter_links("NAME"), "letters"),
    _form(public_paths.feed("REST", "REST")),
    _form(public_paths.sitemap_part("NUMBER")),
)


def own_path(settings: Settings, address: str) -> str | None:
    """The path of an address of the service itself; None for another site's, and for what is no address."""
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return None
    if parts.scheme.lower() not in ("http", "https") or host != settings.public_host:
        return None
    return unquote(parts.path) or public_paths.FRONT


def dead_own_paths(session: Session, paths: Iterable[str]) -> set[str]:
    """Those of these paths at which readers find no page, by two queries at most."""
    dead: set[str] = set()
    named: dict[str, dict[str, str]] = {"articles": {}, "letters": {}}
    for path in paths:
        if path in _PAGES:
            continue
        matches = ((form.table, form.pattern.fullmatch(path)) for form in _FORMS)
        table, found = next(((table, match) for table, match in matches if match), ("", None))
        if found is None:
            dead.add(path)
        elif table:
            named[table][path] = found["name"]
    return dead | _unknown(session, named["articles"], named["letters"])


def _unknown(session: Session, articles: dict[str, str], letters: dict[str, str]) -> set[str]:
    slugs = select(Article.slug).where(Article.slug.in_(set(articles.values())))
    names = select(Digest.letter_name).where(Digest.letter_name.in_(set(letters.values())))
    known: set[str | None] = set(session.scalars(slugs)) if articles else set()
    sent: set[str | None] = set(session.scalars(names)) if letters else set()
    return {path for path, slug in articles.items() if slug not in known} | {
        path for path, name in letters.items() if name not in sent
    }
