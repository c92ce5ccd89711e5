"""Readers' pages. GET and HEAD show, POST acts: link scanners follow every link. No page needs a script or a cookie."""

from newsletter.web.readers import address, confirming, data, leaving, preferences, signup
from newsletter.web.readers.blueprint import pages

__all__ = ["address", "confirming", "data", "leaving", "pages", "preferences", "signup"]
