"""The log of RQ's workers: a line for each failure of the queue, where RQ would show a traceback."""

from __future__ import annotations

import logging

from redis.client import PubSub, PubSubWorkerThread
from redis.exceptions import RedisError
from rq.worker import BaseWorker


class _QueueFailures(logging.Filter):
    """Takes the traceback away wherever RQ did not expect that the queue fails, as when a worker begins to wait."""

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


class QuietListener(BaseWorker):
    """Lets its thread that hears RQ's commands end with its connection. A worker that the queue failed closes that
    under the thread, which would show a traceback.
    """

    def _pubsub_exception_handler(self, exc: Exception, pubsub: PubSub, pubsub_thread: PubSubWorkerThread) -> None:
        if isinstance(exc, (OSError, ValueError)) and not isinstance(exc, RedisError):
            pubsub_thread.stop()
        else:
            super()._pubsub_exception_handler(exc, pubsub, pubsub_thread)
