"""The application factory, and the check of all settings at the start."""

from __future__ import annotations

import logging
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask

from newsletter.core import logs, private_files
from newsletter.core.config import Settings, from_environment
from newsletter.core.db import Database
from newsletter.core.runtime import Runtime
from newsletter.core.templates import TEMPLATES


def create_app(settings: Settings | None = None, *, serving: bool = True) -> Flask:
    """The Flask application with the site's views. `serving` is for a web server, a worker and the clock, which need
    more settings.

    Raises ConfigurationError when a setting is missing or wrong.
    """
    app = create_context(settings, serving=serving)
    install_site(app)
    return app


def install_site(app: Flask, *, with_desk: bool = True) -> None:
    """Add the site's views to an application without them."""
    from newsletter.web import install

    install(app, with_desk=with_desk)


def create_site(runtime: Runtime) -> Flask:
    """The same application as `create_app` makes, with a runtime that is there already."""
    app = _application(runtime)
    install_site(app)
    return app


def create_context(settings: Settings | None = None, *, serving: bool = True) -> Flask:
    """The application of commands, workers and the clock, which answer no requests and load no views."""
    logs.configure(logging.INFO if serving else logging.WARNING)
    private_files.write_privately()
    settings = settings or load_settings()
    if serving:
        settings.check_serving()
    return _application(Runtime(settings, Database(settings.database_url, settings.database_timeouts)))


def _application(runtime: Runtime) -> Flask:
    app = Flask(
        "newsletter",
        template_folder=str(TEMPLATES / "web"),
        static_folder=None,  # web.assets serves what there is
        root_path=str(Path(__file__).parent),
    )
    # Flask gets no SECRET_KEY: nothing here has a session, and without a key none can be opened by mistake.
    app.config.update(
        MAX_CONTENT_LENGTH=1_000_000,
        PREFERRED_URL_SCHEME="https",
        SERVER_NAME=urlsplit(runtime.settings.public_url).netloc or None,  # restricts nothing: web.hosts does
    )
    runtime.install(app)
    return app


def load_settings() -> Settings:
    """The settings from the environment. Raises ConfigurationError for the first that is wrong.

    Some have a form that only a higher package than `core` knows; it is checked here, and imported only when needed.
    """
    settings = from_environment()
    if settings.smtp_url:
        from newsletter.mail.transports import smtp_url

        smtp_url.read_url(settings.smtp_url)
    if settings.dkim_key:
        from newsletter.mail.dkim import DkimSigner

        DkimSigner(settings.dkim_domain, settings.dkim_selector, settings.dkim_key)
    if settings.sendgrid_webhook_key:
        from newsletter.delivery.events import signature

        signature.public_key(settings.sendgrid_webhook_key)
    return settings
