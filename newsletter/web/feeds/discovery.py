"""Autodiscovery: the feeds that the head of each page names."""

from __future__ import annotations

from typing import NamedTuple

from flask import Flask, url_for

from newsletter.web.feeds.views import FORMS, KINDS, title_of


class FeedLink(NamedTuple):
    """A feed as a page's head names it."""

    media_type: str
    path: str
    title: str


def install(app: Flask) -> None:
    """Let the layout name the feeds."""
    app.jinja_env.globals["feed_links"] = feed_links


def feed_links(section: str | None = None) -> list[FeedLink]:
    """The feeds of the whole site in each format, or those of a section."""
    if section is not None:
        paths = {form: url_for("feeds.section_feed", section=section, form=form) for form in FORMS}
        return [FeedLink(FORMS[form], path, title_of(section=section)) for form, path in paths.items()]
    return [
        FeedLink(media_type, url_for("feeds.feed", feed_name=name, form=form), title_of(name))
        for name in KINDS
        for form, media_type in FORMS.items()
    ]
