"""The web doors: reader pages and articles."""

from __future__ import annotations

from flask import Flask

from newsletter.web import articles, errors, guards, health


def install(app: Flask) -> None:
    """Put every door into the application."""
    guards.install(app)
    errors.install(app)
    app.register_blueprint(articles.pages)
    app.register_blueprint(health.pages)
