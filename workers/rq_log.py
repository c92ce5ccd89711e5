"""The log of RQ's workers."""

from __future__ import annotations

import logging

from redis.exceptions import RedisError


class _QueueFailures(logging.Filter):
    """Says in a line that the queue failed: RQ adds a traceback wherever it did not expect that, as after a job."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, RedisError):
            record.msg, record.args = f"{record.getMessage()} ({type(error).__name__})", ()
            record.exc_info = record.exc_text = None
        return True


_FILTER = _QueueFailures()


def say_failures_of_the_queue_in_a_line() -> None:
    """Filter the log of this process's workers; a second call changes nothing."""
    logging.getLogger("rq.worker").addFilter(_FILTER)
