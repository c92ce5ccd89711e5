"""gunicorn's logger. It never says what a request held, nor where it came from.

Even at its usual level gunicorn quotes a request that it cannot read, with the IP address, and a wrapped link is such a
request; at `debug` it writes down every path, and so does an access log, which any flag can switch on. Readers' links
carry tokens, and those stand in no log.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from gunicorn.glogging import Logger


class RedactingLogger(Logger):  # type: ignore[misc]
    """gunicorn's own, without the words of requests."""

    def debug(self, msg: str, *args: Any, **kwargs: Any) -> None:
        super().debug(msg, *map(_named, args), **kwargs)

    def warning(self, msg: str, *args: Any, **kwargs: Any) -> None:
        if msg.startswith("Invalid request from"):
            msg = "a request that cannot be read was refused"
        super().warning(msg, *args, **kwargs)

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        if msg.startswith("Error handling request"):
            msg, args = "error while a request was answered", ()
        super().exception(msg, *args, **kwargs)

    def atoms(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> dict[str, Any]:
        """The values that an access log of any format may show. gunicorn writes "-" for all others."""
        told = super().atoms(resp, req, environ, request_time)
        told = {name: told[name] for name in _TELLS_NOTHING}
        return told | {"r": f"{told['m']} {_place(environ.get('PATH_INFO', ''))} {told['H']}"}


_TELLS_NOTHING = ("l", "t", "s", "m", "H", "b", "B", "T", "D", "M", "L", "p")
"""Time, status, method, sizes, process (docs.gunicorn.org, access_log_format); not the path, address or any header."""


def _place(path: str) -> str:
    """The kind of page alone: "/unsubscribe/…"."""
    found = re.match(r"/([a-z-]{0,15})(/|\Z)", path)
    return "/…" if not found else path if found.end() == len(path) else f"/{found[1]}/…"


def _named(value: object) -> object:
    """An error by its kind: its words quote what came in."""
    return type(value).__name__ if isinstance(value, Exception) else value
