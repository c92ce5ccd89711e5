"""Polls that find nothing new, answered before Flask: finding a view and adding headers costs more than the answer.

A 204 of `live_parts` is the same for everybody who is signed in, and holds for a second. Each such poll still looks
its session up in the database: people who are removed or signed out are out at once.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask, Response, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.http import parse_cookie

from newsletter.core.runtime import Runtime, runtime_of
from newsletter.staff import sessions
from newsletter.staff.rights import Right, has_right
from newsletter.web.desk import cookies
from newsletter.web.page_cache import CacheKey

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HOLDS_FOR = 1.0
"""Seconds."""
_MOST = 200
_IS_POLL = "newsletter.desk_poll"


def declare_poll() -> None:
    """Say in a view that its 204 is alike for everybody with the right to write."""
    request.environ[_IS_POLL] = True


def install(app: Flask) -> None:
    """Answer polls before the application. Call it before any other `after_request`: it stores outgoing answers."""
    polls = PollCache(app.wsgi_app, runtime_of(app))
    app.wsgi_app = polls  # type: ignore[method-assign]
    app.after_request(polls.store)


class PollCache:
    """The 204s that a process gave within the last second, as a WSGI application in front of Flask's."""

    def __init__(self, application: WSGIApplication, runtime: Runtime) -> None:
        self._application, self._runtime = application, runtime
        self._cookie = cookies.session_cookie_name(runtime.settings)
        self._answers: OrderedDict[CacheKey, tuple[float, list[tuple[str, str]]]] = OrderedDict()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answer = self._answers.get(CacheKey.of(environ)) if self._answers else None
        if (
            answer is None
            or time.monotonic() > answer[0]
            or environ["REQUEST_METHOD"] != "GET"
            or not self._may(environ)
        ):
            return self._application(environ, start_response)
        start_response("204 NO CONTENT", list(answer[1]))
        return []

    def store(self, response: Response) -> Response:
        """Store an answer as it goes out, if it is a 204 of a poll and sets no cookie."""
        if response.status_code == 204 and _IS_POLL in request.environ and "Set-Cookie" not in response.headers:
            headers = response.get_wsgi_headers(request.environ).to_wsgi_list()
            self._answers[CacheKey.of(request.environ)] = time.monotonic() + HOLDS_FOR, headers
            while len(self._answers) > _MOST:
                self._answers.popitem(last=False)
        return response

    def _may(self, environ: WSGIEnvironment) -> bool:
        """Whether the request is of somebody who is signed in, and may see the page."""
        token = parse_cookie(environ.get("HTTP_COOKIE")).get(self._cookie, "")
        try:
            with self._runtime.db.bare() as connection:
                role = sessions.role_in_session(connection, token, self._runtime.settings.desk_idle_after)
        except SQLAlchemyError:
            return False  # the view meets it, too, and has a page for it
        return role is not None and has_right(role, Right.WRITE)
