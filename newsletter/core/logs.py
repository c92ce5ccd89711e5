"""Logging: to stderr, one line each. No address, token or key is ever logged, so libraries that would log them are
silenced.
"""

from __future__ import annotations

import logging

_TALKATIVE = ("python_http_client", "rq.worker", "rq.scheduler", "alembic")


def configure(level: int = logging.INFO) -> None:
    """Set up the root logger of a process."""
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for name in _TALKATIVE:
        # python_http_client writes the API key and the whole payload at DEBUG (measured).
        logging.getLogger(name).setLevel(logging.WARNING)
