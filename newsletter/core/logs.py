"""Logging: to stderr, one line each. No address, token or key is ever logged, so libraries that would log them are
silenced.
"""

from __future__ import annotations

import logging

from newsletter.core.text_direction import keep_direction

_TALKATIVE = ("python_http_client", "rq.worker", "rq.scheduler", "alembic", "fido2")


class _Formatter(logging.Formatter):
    """Lines in which no text of strangers turns the words around it."""

    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(keep_direction(line) for line in super().format(record).split("\n"))


def configure(level: int = logging.INFO) -> None:
    """Set up the root logger of a process; a later call changes the level.

    Web, worker and clock log what they do. A command says that itself, so it logs warnings alone.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler])
    logging.getLogger().setLevel(level)
    for name in _TALKATIVE:
        # python_http_client writes the API key and the whole payload at DEBUG (measured), fido2 the ids of passkeys at
        # INFO.
        logging.getLogger(name).setLevel(logging.WARNING)
