"""Feeds: stories, those of a section, corrections and letters, each as RSS 2.0, Atom and JSON Feed."""

from newsletter.web.feeds import discovery, views
from newsletter.web.feeds.blueprint import pages

__all__ = ["discovery", "pages", "views"]
