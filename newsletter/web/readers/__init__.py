"""Readers' pages. GET and HEAD show, POST acts: link scanners follow every link. No page needs a script or a cookie."""

from newsletter.web.readers import (
    address,
    confirming,
    data,
    embedding,
    fresh_links,
    leaving,
    preferences,
    sample,
    signup,
)
from newsletter.web.readers.blueprint import pages

__all__ = [
    "address",
    "confirming",
    "data",
    "embedding",
    "fresh_links",
    "leaving",
    "pages",
    "preferences",
    "sample",
    "signup",
]
