"""The runtime of a process: its settings, its database, its queues."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from flask import Flask, current_app

from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.queue import Queues

_KEY = "newsletter"


@dataclass(frozen=True)
class Runtime:
    """Made once by `create_app`. Views, commands and jobs get it from `runtime()` and hand its parts down."""

    settings: Settings
    db: Database

    @cached_property
    def queues(self) -> Queues:
        """The queues, connected at first use: a command that queues nothing needs no Redis."""
        return Queues(self.settings.redis_url, self.settings.send_deadline.total_seconds())

    def install(self, app: Flask) -> None:
        app.extensions[_KEY] = self


def runtime() -> Runtime:
    """The runtime of the current application context."""
    return runtime_of(current_app)


def runtime_of(app: Flask) -> Runtime:
    """The runtime of an application."""
    found: Runtime = app.extensions[_KEY]
    return found
