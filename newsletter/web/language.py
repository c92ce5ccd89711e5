"""The language that a page speaks.

`?language=` decides. Without it a reader's own page speaks the reader's language, and a page that proxies may keep
speaks the publication's. All other pages go by Accept-Language, and no proxy keeps them (`security_headers`), so no
answer has to vary by that header. No cookie is set: links and forms carry `?language=` along where the page behind them
would choose another language.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Flask, current_app, g, has_request_context, request, url_for

from newsletter.core.languages import LANGUAGES, PUBLICATION_LANGUAGE, Language, language_of
from newsletter.web.page_cache import is_cached
from newsletter.web.page_parameters import LANGUAGE

UNTRANSLATED = frozenset(
    {
        *("assets.file", "readers.download", "public.figures", "public.last_message"),
        *("feeds.feed", "feeds.section_feed", "public.sitemap", "public.sitemap_part"),
    }
)
"""Endpoints that take no language."""

DESK = "desk."
"""The beginning of endpoints whose pages speak the publication's language, whatever is asked for."""


@dataclass
class _Page:
    """The language of a page, as far as its view has said it."""

    reader_language: str = ""
    is_error: bool = False
    query: tuple[tuple[str, str], ...] = ()
    accepted: str = ""
    """The answer to Accept-Language."""
    code: str = ""
    """The language, once it was asked for: a page asks at each of its links and words."""


def install(app: Flask) -> None:
    """Let each link that a page makes carry its language."""
    app.before_request(_start_page)
    app.url_defaults(carry)


def _start_page() -> None:
    g.page = _Page()


def page_language() -> Language:
    """The language of the page that answers this request; English outside of requests."""
    return language_of(_code() if has_request_context() else PUBLICATION_LANGUAGE)


def requested_language() -> str | None:
    """The code of the language that `?language=` names, if it names one."""
    code = request.args.get(LANGUAGE, "")
    return code if code in LANGUAGES else None


def speak_to(reader_language: str) -> None:
    """Make this a reader's own page, in the language that the reader chose."""
    g.page.reader_language, g.page.code = reader_language, ""


def error_language() -> Language:
    """The language of an error's page, which goes by Accept-Language at a shared address too."""
    g.page.is_error, g.page.code = True, ""
    return page_language()


def keep_query(*parameters: tuple[str, str]) -> None:
    """Let this page have these parameters in its other languages, too."""
    g.page.query = parameters


def is_shared() -> bool:
    """Whether this page is alike for everybody (`web.page_cache`), so that proxies may keep it."""
    return is_cached(current_app, request.endpoint) and not g.page.is_error


def carry(endpoint: str, values: dict[str, Any]) -> None:
    """Add `language` to a link whose page would not choose this page's language by itself (Flask calls this)."""
    if endpoint in UNTRANSLATED or endpoint.startswith(DESK) or LANGUAGE in values or not has_request_context():
        return
    if is_cached(current_app, endpoint):
        default = PUBLICATION_LANGUAGE
    else:
        default = _default() if "token" in values else _default_for_anybody()
    if (code := _code()) != default:
        values[LANGUAGE] = code


def link_languages() -> tuple[str, str]:
    """The language of this page, and the one that pages behind its links would choose: its words and links depend on
    nothing else."""
    return _code(), _default_for_anybody()


def alternatives() -> dict[str, str]:
    """The path of this page in each language, by code; of the front page where no page has this address."""
    path = url_for(request.endpoint or "public.front", **(request.view_args or {}), **{LANGUAGE: None})
    return {code: f"{path}?{urlencode([*g.page.query, (LANGUAGE, code)])}" for code in LANGUAGES}


def _code() -> str:
    page: _Page = g.page
    if not page.code:
        is_desk = (request.endpoint or "").startswith(DESK)
        page.code = PUBLICATION_LANGUAGE if is_desk else requested_language() or _default()
    return page.code


def _default() -> str:
    """The language of this page without `?language=`."""
    found: str = g.page.reader_language or _default_for_anybody()
    return found


def _default_for_anybody() -> str:
    if is_shared():
        return PUBLICATION_LANGUAGE
    page: _Page = g.page
    page.accepted = page.accepted or request.accept_languages.best_match(LANGUAGES) or PUBLICATION_LANGUAGE
    return page.accepted
