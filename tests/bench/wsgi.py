"""Requests without a server: what an application itself takes for an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.test import EnvironBuilder

from newsletter.core.config import Settings
from newsletter.web.desk.live_parts import VERSION_HEADER

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def request_of(app: Flask, settings: Settings, path: str, cookie: str) -> Callable[[], str]:
    """A request as a server makes it, without the server; it returns the version of the answer."""
    headers = [("Cookie", cookie)] if cookie else []
    environ = EnvironBuilder(path, base_url=settings.public_url, headers=headers).get_environ()

    def ask() -> str:
        found: list[str] = []

        def start_response(status: str, answered: list[tuple[str, str]], _error: object = None) -> None:
            assert status[:3] in ("200", "204"), status
            found.extend(value for name, value in answered if name == VERSION_HEADER)

        own: WSGIEnvironment = dict(environ)
        for _ in app.wsgi_app(own, start_response):  # type: ignore[arg-type]
            pass
        return found[0] if found else ""

    return ask
