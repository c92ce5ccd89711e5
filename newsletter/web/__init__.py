"""The web doors: readers' pages, articles, and hooks for other services."""

from __future__ import annotations

from flask import Flask
from jinja2 import StrictUndefined

from newsletter.web import articles, assets, errors, guards, health, hooks, readers, words


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
    words.install(app)
    app.register_blueprint(readers.pages)
    app.register_blueprint(articles.pages)
    app.register_blueprint(health.pages)
    hooks.install(app)
