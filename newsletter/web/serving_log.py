"""What gunicorn says of its work: never what a request held, nor where it came from.

Even at its usual level gunicorn quotes a request that it cannot read, with the IP address, and a wrapped link is such a
request; at `debug` it writes down every path. Readers' links carry tokens, and those stand in no log.
"""

from __future__ import annotations

from typing import Any

from gunicorn.glogging import Logger


class Log(Logger):  # type: ignore[misc]
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


def _named(value: object) -> object:
    """An error by its kind: its words quote what came in."""
    return type(value).__name__ if isinstance(value, Exception) else value
