"""The web doors: readers' pages, articles, and hooks for other services."""

from __future__ import annotations

from flask import Flask
from jinja2 import StrictUndefined

from newsletter.web import assets, errors, guards, health, readers, template_filters
from newsletter.web.hooks import sendgrid
from newsletter.web.public import articles


def install(app: Flask) -> None:
    """Put every door into the application."""
    # A redirect to the tidy form of an address would be made from the Host header.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    guards.install(app)
    errors.install(app)
    assets.install(app)
    template_filters.install(app)
    app.register_blueprint(readers.pages)
    app.register_blueprint(articles.pages)
    app.register_blueprint(health.pages)
    sendgrid.install(app)
