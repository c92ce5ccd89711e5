"""The web server's log, without anything that a request held, and without its origin.

waitress logs the path of a request whose client went away or whose answer failed. Readers' links carry tokens, and
those stand in no log.
"""

from __future__ import annotations

import logging

_SAFE_START = ("Client disconnected while serving", "Exception while serving", "Exception when servicing")


def quiet_waitress() -> None:
    """Have waitress log what went wrong without the words of requests."""
    logger = logging.getLogger("waitress")
    logger.setLevel(logging.WARNING)
    if _leave_out_paths not in logger.filters:
        logger.addFilter(_leave_out_paths)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a short queue is nothing to report


def _leave_out_paths(record: logging.LogRecord) -> bool:
    for start in _SAFE_START:
        if str(record.msg).startswith(start):
            record.msg, record.args = f"{start} a request", ()
    return True
