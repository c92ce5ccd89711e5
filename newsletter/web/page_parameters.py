"""The parameters of an address that a cached page depends on; all others are taken off before the page is looked up.

Anybody can add parameters to an address, and some sites do (`?fbclid=…`). Each would otherwise be a page of its own: it
would be rendered anew, and push others out of the cache. They are taken off before Flask sees them, so no view can
depend on a parameter that it does not name.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from flask import Flask
from werkzeug import Request
from werkzeug.exceptions import HTTPException
from werkzeug.wsgi import get_path_info

from newsletter.core.languages import LANGUAGES

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

LANGUAGE = "language"
"""The parameter of all pages. A language that there is not changes nothing, and is taken off as well."""
NAMES = "parameters"
"""The attribute of a cached view with the names of the others."""


class PageParameters:
    """The parameters of an application's cached views."""

    def __init__(self, app: Flask) -> None:
        self._views = app.view_functions
        self._routes = app.url_map.bind("")

    def reduce(self, environ: WSGIEnvironment) -> None:
        """Take off all parameters of a request for a cached page that its view does not know; put the others in order.
        Of several with one name the first counts.
        """
        if not environ.get("QUERY_STRING") or environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return
        try:
            endpoint, _values = self._routes.match(get_path_info(environ), "GET")
        except HTTPException:
            return
        names: Collection[str] | None = getattr(self._views.get(endpoint), NAMES, None)
        if names is not None:
            environ["QUERY_STRING"] = _reduced(environ, names)


def _reduced(environ: WSGIEnvironment, names: Collection[str]) -> str:
    given = Request(environ, populate_request=False).args  # read as the view would read them
    found = [(name, given[name]) for name in sorted(names) if name in given]
    if given.get(LANGUAGE) in LANGUAGES:
        found.append((LANGUAGE, given[LANGUAGE]))
    return urlencode(found)
