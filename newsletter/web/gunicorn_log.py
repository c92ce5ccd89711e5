"""gunicorn's log, without anything that a request held, and without its IP address.

Even at its usual level gunicorn quotes a request that it cannot read, with the IP address; a wrapped link is such a
request. At `debug` it logs every path, and so does an access log, which any flag can switch on. Readers' links carry
tokens, and no log may hold those.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from gunicorn.glogging import Logger


class RedactingLogger(Logger):  # type: ignore[misc]
    """gunicorn's logger, without the content of requests."""

    def debug(self, msg: str, *args: Any, **kwargs: Any) -> None:
        super().debug(msg, *map(_without_message, args), **kwargs)

    def warning(self, msg: str, *args: Any, **kwargs: Any) -> None:
        if msg.startswith("Invalid request from"):
            msg = "a request that cannot be read was refused"
        super().warning(msg, *args, **kwargs)

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        if msg.startswith("Error handling request"):
            msg, args = "error while a request was answered", ()
        super().exception(msg, *args, **kwargs)

    def atoms(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> dict[str, Any]:
        """The values for an access log of any format; gunicorn writes "-" for all others."""
        values = super().atoms(resp, req, environ, request_time)
        values = {name: values[name] for name in _HARMLESS}
        return values | {"r": f"{values['m']} {_page_kind(environ.get('PATH_INFO', ''))} {values['H']}"}


_HARMLESS = ("l", "t", "s", "m", "H", "b", "B", "T", "D", "M", "L", "p")
"""Time, status, method, sizes, process (docs.gunicorn.org, access_log_format); not the path, address or any header."""


def _page_kind(path: str) -> str:
    """The kind of page: "/unsubscribe/…"."""
    found = re.match(r"/([a-z-]{0,15})(/|\Z)", path)
    return "/…" if not found else path if found.end() == len(path) else f"/{found[1]}/…"


def _without_message(value: object) -> object:
    """The type of an error in its place: its message quotes the request."""
    return type(value).__name__ if isinstance(value, Exception) else value
