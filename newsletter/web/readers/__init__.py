"""Readers' pages. GET and HEAD show, POST acts: link scanners follow every link. No page needs a script or a cookie."""

from newsletter.web.readers import (
    address_change,
    confirmation,
    data,
    embedding,
    one_time_links,
    preferences,
    signup,
    unsubscribing,
)
from newsletter.web.readers.blueprint import pages

__all__ = [
    "address_change",
    "confirmation",
    "data",
    "embedding",
    "one_time_links",
    "pages",
    "preferences",
    "signup",
    "unsubscribing",
]
