"""The application factory."""

from __future__ import annotations

from pathlib import Path

from flask import Flask

from newsletter.core import logs
from newsletter.core.config import Settings, from_environment
from newsletter.core.db import Database
from newsletter.core.runtime import Runtime
from newsletter.core.templates import TEMPLATES
from newsletter.web import install


def create_app(settings: Settings | None = None, *, serving: bool = True) -> Flask:
    """The Flask application. With `serving` (a web server, a worker, the clock) what mail needs is checked first.

    Raises ConfigurationError when a setting is missing or wrong.
    """
    logs.configure()
    settings = settings or from_environment()
    if serving:
        settings.check_serving()
    app = Flask(
        "newsletter",
        template_folder=str(TEMPLATES / "web"),
        static_folder=None,  # web.assets serves what there is
        root_path=str(Path(__file__).parent),
    )
    # Flask gets no SECRET_KEY: nothing here has a session, and without a key none can be opened by mistake.
    app.config.update(MAX_CONTENT_LENGTH=1_000_000, PREFERRED_URL_SCHEME="https")
    Runtime(settings, Database(settings.database_url)).install(app)
    install(app)
    return app
