"""The sitemap (sitemaps.org/protocol.html): an index, the pages of the site with the letters, and the stories in parts.

A page in another language is the same page with other words around the stories. Its own head names it (hreflang), so
the sitemap lists each page once.
"""

from __future__ import annotations

from flask import Response, abort, current_app, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from newsletter.articles import site_addresses
from newsletter.core import public_paths
from newsletter.core.runtime import runtime
from newsletter.delivery.letters import letter_list
from newsletter.web.navigation import sections_in_use
from newsletter.web.page_cache import cached_page, is_cached
from newsletter.web.public.blueprint import pages

MOST_PAGES = 1000
"""Addresses of the first part that are no letters."""
OF_FILES = {public_paths.ABOUT, public_paths.PRIVACY, public_paths.IMPRINT}
"""Pages whose texts the operator may change at any time, so they are not cached."""
_XML = "application/xml; charset=utf-8"


@pages.get(public_paths.SITEMAP)
@cached_page
def sitemap() -> ResponseReturnValue:
    """The parts: 0 are the pages and letters, the others stories."""
    with runtime().db.reading() as session:
        count = _count_parts(session)
    parts = [url_for("public.sitemap_part", number=number) for number in range(count + 1)]
    return Response(render_template("feeds/sitemap_index.xml", parts=parts), content_type=_XML)


@pages.get(public_paths.sitemap_part("<int:number>"))
@cached_page
def sitemap_part(number: int) -> ResponseReturnValue:
    """The pages of the site and the letters, or a part of the stories."""
    with runtime().db.reading() as session:
        if number == 0:
            letters = letter_list.letter_names(session, site_addresses.PART - MOST_PAGES)
            return _answer([(path, None) for path in (*_page_paths(), *map(public_paths.letter, letters))])
        if number > _count_parts(session):
            abort(404)
        articles = site_addresses.addresses_of_part(session, number)
    return _answer([(public_paths.article(each.slug), each.changed_at) for each in articles])


def _count_parts(session: Session) -> int:
    """None where ARTICLE_URL says that all stories are read elsewhere."""
    return 0 if runtime().settings.article_url else site_addresses.count_parts(session)


def _page_paths() -> list[str]:
    """The front page, every page whose address is always the same, and the list of each section. Files to download
    have a full stop in their names, and are no pages.
    """
    fixed = {
        rule.rule
        for rule in current_app.url_map.iter_rules()
        if not rule.arguments and is_cached(current_app, rule.endpoint) and "." not in rule.rule
    }
    sections = [url_for("public.articles", section=section, language=None) for section in sections_in_use()]
    return [public_paths.FRONT, public_paths.SUBSCRIBE, *sorted(fixed | OF_FILES), *sections]


def _answer(addresses: list[tuple[str, object]]) -> Response:
    return Response(render_template("feeds/sitemap.xml", addresses=addresses), content_type=_XML)
