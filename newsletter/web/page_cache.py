"""Pages that are alike for everybody: rendered once, cached, and answered again until public content changes.

A view becomes such a page by a decorator below its route:

    @pages.get(public_paths.article("<slug>"))
    @cached_page
    def article(slug: str) -> str: ...

It may depend on the address and on the database alone: on no cookie, no header, no reader. A view that reads parameters
of the query names them, as in `@cached_page_by("before")`; all others are taken off (`web.page_parameters`). Proxies
may keep the page, and it speaks the publication's language unless `?language=` names another (`web.language`). Where it
depends on the time, the view says when it becomes another page (`cache_until`); each ends at midnight, so months and
years need no thought.

The tables that it reads say IS_PUBLIC, or whoever changes them calls `raise_version` (`core.db.public_content`): a
cached page is answered only at the version that it was made from. A test compares the tables that these views read.

The answers are cached before Flask, in the WSGI application: finding a view, and adding headers, costs more than the
look into the database.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import wraps
from typing import TYPE_CHECKING, NamedTuple, ParamSpec, TypeAlias

from flask import Flask, Response, make_response, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.http import is_resource_modified, remove_entity_headers

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.runtime import runtime, runtime_of
from newsletter.web.hosts import host_name
from newsletter.web.page_parameters import NAMES, PageParameters

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

P = ParamSpec("P")
_View: TypeAlias = Callable[P, ResponseReturnValue]

PROXIES_KEEP = 60
"""Seconds for which a proxy may answer without asking us. A correction reaches readers behind one that much later.
Browsers ask each time, and get a 304."""
MOST_BYTES = 16_000_000
LARGEST = 2_000_000
"""Bytes: of all cached answers together with their addresses, and of one page. A larger one is rendered each time."""
BESIDE = 3_000
"""Bytes that an answer takes besides its page and its address: headers, and what Python needs (measured: 2,600)."""
_MADE, _VERSION = "newsletter.cached_page", "newsletter.public_version"


def cached_page(view: _View[P]) -> Callable[P, Response]:
    """Cache the answers of a view, but no errors."""

    @wraps(view)
    def cached(*args: P.args, **values: P.kwargs) -> Response:
        # The version first: a change during the rendering then makes the cached page old.
        made = _Made(public_version(), _next_midnight(runtime().settings))
        request.environ[_MADE] = made
        response = make_response(view(*args, **values))
        if response.status_code == 200:
            seconds = max(0, min(PROXIES_KEEP, int((made.until - clock.now()).total_seconds())))
            response.headers.setdefault("Cache-Control", f"public, max-age=0, s-maxage={seconds}")
        return response

    setattr(cached, NAMES, ())
    return cached


def cached_page_by(*parameters: str) -> Callable[[_View[P]], Callable[P, Response]]:
    """The same for a view that reads these parameters of the query. It is shown no others."""

    def decorate(view: _View[P]) -> Callable[P, Response]:
        cached = cached_page(view)
        setattr(cached, NAMES, parameters)
        return cached

    return decorate


def cache_until(moment: datetime) -> None:
    """Say in a cached view until when its page holds at most, even if nothing changes before."""
    made: _Made = request.environ[_MADE]
    made.until = min(made.until, moment)


def public_version() -> int:
    """The version of public content at the time when this request first asked for it."""
    environ = request.environ
    if _VERSION not in environ:
        environ[_VERSION] = runtime().db.public_version()
    version: int = environ[_VERSION]
    return version


def is_cached(app: Flask, endpoint: str | None) -> bool:
    """Whether the endpoint's view is a cached page."""
    return hasattr(app.view_functions.get(endpoint or ""), NAMES)


def install(app: Flask) -> None:
    """Cache the pages of an application. Called before any other `after_request`: those run in reverse, and the answer
    is cached as it goes out.
    """
    runtime = runtime_of(app)
    cache = PageCache(app.wsgi_app, runtime.db, PageParameters(app))
    app.extensions["page_cache"] = cache
    app.wsgi_app = cache  # type: ignore[method-assign]
    app.after_request(cache.store)


@dataclass
class _Made:
    """The version of public content from which this request's page is made, and the time until which it holds."""

    version: int
    until: datetime


class CacheKey(NamedTuple):
    """A request, as far as a cached answer may depend on it. The host, without its port: some are refused."""

    host: str
    path: str
    query: str

    @classmethod
    def of(cls, environ: WSGIEnvironment) -> CacheKey:
        host = host_name(environ.get("HTTP_HOST", ""))
        return cls(host, environ.get("SCRIPT_NAME", "") + environ["PATH_INFO"], environ.get("QUERY_STRING", ""))


class _Answer(NamedTuple):
    """A cached answer with status 200."""

    version: int
    until: datetime
    etag: str
    last_modified: datetime | None
    headers: list[tuple[str, str]]
    headers_unchanged: list[tuple[str, str]]
    """Of the 304."""
    body: bytes


class PageCache:
    """The answers that a process caches, as a WSGI application in front of Flask's."""

    def __init__(self, application: WSGIApplication, db: Database, parameters: PageParameters) -> None:
        self._application, self._db, self._parameters = application, db, parameters
        self._answers: OrderedDict[CacheKey, _Answer] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self._parameters.reduce(environ)
        answer = self._find(environ)
        if answer is None:
            return self._application(environ, start_response)
        if not is_resource_modified(environ, answer.etag, None, answer.last_modified):
            start_response("304 NOT MODIFIED", answer.headers_unchanged)
            return []
        start_response("200 OK", answer.headers)
        return [answer.body] if environ["REQUEST_METHOD"] == "GET" else []

    def count(self) -> int:
        """The number of cached answers."""
        return len(self._answers)

    def store(self, response: Response) -> Response:
        """Add the ETag to an answer of a cached view, store it, and turn it into a 304 for whoever has it already."""
        made: _Made | None = request.environ.get(_MADE)
        if made is None or response.status_code != 200:
            return response
        body = response.get_data()
        etag = hashlib.blake2b(body + response.content_type.encode(), digest_size=16).hexdigest()
        response.set_etag(etag)
        if len(body) <= LARGEST and request.method in ("GET", "HEAD"):
            headers = response.get_wsgi_headers(request.environ)
            unchanged = headers.copy()
            remove_entity_headers(unchanged)
            quoted, modified = headers["ETag"], response.last_modified
            answer = _Answer(
                made.version, made.until, quoted, modified, headers.to_wsgi_list(), unchanged.to_wsgi_list(), body
            )
            self._add(CacheKey.of(request.environ), answer)
        response.make_conditional(request.environ)
        return response

    def _find(self, environ: WSGIEnvironment) -> _Answer | None:
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return None
        key = CacheKey.of(environ)
        if (answer := self._answers.get(key)) is None:
            return None
        try:
            version = environ[_VERSION] = self._db.public_version()
        except SQLAlchemyError:
            return None  # the view meets it, too, and has a page for it
        is_current = answer.version == version and clock.now() < answer.until
        with self._lock:
            if not is_current:
                self._drop(key)
            elif key in self._answers:
                self._answers.move_to_end(key)
        return answer if is_current else None

    def _add(self, key: CacheKey, answer: _Answer) -> None:
        with self._lock:
            self._drop(key)
            self._answers[key] = answer
            self._bytes += _size(key, answer)
            while self._bytes > MOST_BYTES:
                self._drop(next(iter(self._answers)))

    def _drop(self, key: CacheKey) -> None:
        if (answer := self._answers.pop(key, None)) is not None:
            self._bytes -= _size(key, answer)


def _size(key: CacheKey, answer: _Answer) -> int:
    """The bytes that an answer takes. A small page has thousands of addresses, as long as somebody likes to make them,
    so these count as well."""
    return len(answer.body) + sum(map(len, key)) + BESIDE


def _next_midnight(settings: Settings) -> datetime:
    tomorrow = clock.today(settings.timezone) + timedelta(days=1)
    return datetime.combine(tomorrow, time(), settings.timezone)
