"""Gunicorn's configuration: `gunicorn -c python:newsletter.web.gunicorn_conf "newsletter:create_app()"`."""

from __future__ import annotations

import sys

from newsletter.app import load_settings
from newsletter.core.config import Settings
from newsletter.core.errors import ConfigurationError
from newsletter.web.gunicorn_log import RedactingLogger


def _settings() -> Settings:
    """The settings; a wrong one ends gunicorn with its sentence, instead of a traceback from each of its workers."""
    try:
        settings = load_settings()
        settings.check_serving()
    except ConfigurationError as error:
        sys.exit(f"Error: {error}")
    return settings


_found = _settings()

bind = f"[{_found.host}]:{_found.port}" if ":" in _found.host else f"{_found.host}:{_found.port}"
workers = _found.web_concurrency
threads = 8
# No access log: readers' links carry tokens, and those stand in no log.
accesslog = None
loglevel = "warning"
logger_class = RedactingLogger
# All gunicorns of a user share the path of this socket, so two of them would fight over it.
control_socket_disable = True


def pre_request(_worker: object, _request: object) -> None:
    """Write nothing: gunicorn's own hook logs the path of each request at `debug`."""
