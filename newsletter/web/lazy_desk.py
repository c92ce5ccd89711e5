"""The desk, loaded when somebody first comes to it.

It is a tenth of a site's start, and 5 MB of each service (measured), of which readers and an idle service see nothing.
So a process begins with the public site. A second application, which has the desk too, answers what lies below /desk:
Flask takes no more views once it has answered a request. Both have one runtime, and so one database and queue.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from newsletter.web.security_headers import is_desk

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class SiteWithLazyDesk:
    """A WSGI application: the public `site`, and what `load` returns for the desk."""

    def __init__(self, site: WSGIApplication, load: Callable[[], WSGIApplication]) -> None:
        self._site, self._load = site, load
        self._loaded: WSGIApplication | None = None
        self._lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = "/" + environ["PATH_INFO"].lstrip("/")  # as werkzeug reads it
        application = self._with_desk() if is_desk(path) else self._site
        return application(environ, start_response)

    def _with_desk(self) -> WSGIApplication:
        with self._lock:  # the first request loads it, and those that come meanwhile wait
            self._loaded = self._loaded or self._load()
        return self._loaded
