"""The web: readers' pages, public pages, answers for programs, and webhooks."""

from __future__ import annotations

from flask import Flask
from jinja2 import StrictUndefined

from newsletter.core.compiled_templates import CompiledTemplates
from newsletter.web import (
    assets,
    csrf,
    errors,
    feeds,
    health,
    history_words,
    hooks,
    hosts,
    language,
    navigation,
    page_cache,
    public,
    readers,
    security_headers,
    site_files,
    template_filters,
)
from newsletter.web.request_values import PathNumber, PathText


def install(app: Flask, *, with_desk: bool = True) -> None:
    """Register every view, and what holds for all of them. Without the desk, nothing of it is loaded."""
    # A redirect to the tidy form of an address would be made from the Host header.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.url_map.converters |= {"int": PathNumber, "default": PathText, "string": PathText}
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.bytecode_cache = CompiledTemplates()
    page_cache.install(app)  # first: it keeps answers with all headers that the others add
    if with_desk:
        from newsletter.web.desk import poll_cache

        poll_cache.install(app)
    language.install(app)  # first of those that start a request: the headers of every answer ask it
    hosts.install(app)
    security_headers.install(app)
    csrf.install(app)
    errors.install(app)
    assets.install(app)
    template_filters.install(app)
    history_words.install(app)
    navigation.install(app)
    app.register_blueprint(readers.pages)
    app.register_blueprint(public.pages)
    app.register_blueprint(feeds.pages)
    feeds.discovery.install(app)
    app.register_blueprint(site_files.pages)
    app.register_blueprint(health.pages)
    if with_desk:
        from newsletter.web.desk import desk

        app.register_blueprint(desk)
    hooks.install(app)
