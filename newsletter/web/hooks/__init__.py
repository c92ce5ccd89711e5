"""Endpoints that other services post to."""

from __future__ import annotations

from flask import Flask

from newsletter.web.hooks import kofi, sendgrid
from newsletter.web.hooks.blueprint import pages

__all__ = ["install", "kofi"]


def install(app: Flask) -> None:
    """Register the hooks. Raises ConfigurationError when a key is set and is none."""
    app.register_blueprint(pages)
    sendgrid.check_key(app)
