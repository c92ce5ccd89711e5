"""Jobs as workers run them: the listed functions, without arguments, and nothing else.

Everybody who can write to Redis can write jobs. RQ imports and calls whatever a job names: its function, its
callbacks, and the addresses of its webhooks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rq.job import Job
from rq.utils import import_attribute

SEND_MAILS = "workers.jobs.send_mails"
PROCESS_EVENTS = "workers.jobs.process_events"
DRAIN = "workers.jobs.drain"
TELL_HUB = "workers.jobs.tell_hub"
PROBE_LINKS = "workers.jobs.probe_links"

MAIL_JOB_LINGERS = 0.6
"""Seconds for which a job of SEND_MAILS that had something to do looks for more. A job costs more than the mail of a
sign-up, so that readers who come one after the other share one."""

LISTED = frozenset({SEND_MAILS, PROCESS_EVENTS, DRAIN, TELL_HUB, PROBE_LINKS})


class ForeignJobError(Exception):
    """A job that is not ours. It is not run, and its content is not repeated."""


class ListedJob(Job):
    """A job that runs a listed function, and has no callbacks and no webhooks."""

    @property
    def func(self) -> Callable[..., Any]:
        if self.func_name not in LISTED or self.instance is not None:
            raise ForeignJobError("the queue held a foreign job")
        function: Callable[..., Any] = import_attribute(self.func_name)
        return function

    def _execute(self) -> Any:
        if self.args or self.kwargs:
            raise ForeignJobError("the queue held a job with arguments, and ours have none")
        return self.func()

    @property
    def success_callback(self) -> None:
        return None

    @property
    def failure_callback(self) -> None:
        return None

    @property
    def stopped_callback(self) -> None:
        return None

    def send_webhooks(self, *_args: object, **_values: object) -> None:
        """Contact nobody."""
