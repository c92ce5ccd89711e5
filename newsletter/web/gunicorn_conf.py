"""How gunicorn serves the site: `gunicorn -c python:newsletter.web.gunicorn_conf "newsletter:create_app()"`."""

from __future__ import annotations

import os

from newsletter.web.gunicorn_log import RedactingLogger

bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WEB_CONCURRENCY", "1"))
threads = 8
# No access log: readers' links carry tokens, and those stand in no log.
accesslog = None
loglevel = "warning"
logger_class = RedactingLogger
# Its place is the same for every gunicorn of a user, so that two of them would fight over it.
control_socket_disable = True


def pre_request(_worker: object, _request: object) -> None:
    """Instead of gunicorn's, which writes the path of each request to the log at `debug`."""
