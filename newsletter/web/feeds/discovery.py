"""Autodiscovery: the feeds that the head of each page names."""

from __future__ import annotations

from typing import NamedTuple

from flask import Flask, url_for

from newsletter.web.feeds.views import FORM_NAMES, FORMS, KINDS, title_of


class FeedLink(NamedTuple):
    """A feed as a page names it."""

    form: str
    """The name of its format."""
    media_type: str
    path: str
    title: str


def install(app: Flask) -> None:
    """Let the layout name the feeds."""
    app.jinja_env.globals["feed_links"] = feed_links


def feed_links(section: str | None = None, *, name: str | None = None) -> list[FeedLink]:
    """The feeds of the whole site in each format; those of a section, or those of that `name` in the address alone."""
    if section is not None:
        return [
            _link(form, url_for("feeds.section_feed", section=section, form=form), title_of(section=section))
            for form in FORMS
        ]
    return [
        _link(form, url_for("feeds.feed", feed_name=each, form=form), title_of(each))
        for each in KINDS
        if name in (None, each)
        for form in FORMS
    ]


def _link(form: str, path: str, title: str) -> FeedLink:
    return FeedLink(FORM_NAMES[form], FORMS[form], path, title)
