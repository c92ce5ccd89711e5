"""Public pages: front page, stories and their history, letters, corrections, trust, support, the figures in the open,
and who is behind it.
"""

from newsletter.web.public import (
    about,
    article_list,
    articles,
    corrections,
    front,
    history,
    in_the_open,
    letters,
    sample,
    share_images,
    sitemap,
    support,
    trust,
)
from newsletter.web.public.blueprint import pages

__all__ = [
    "about",
    "article_list",
    "articles",
    "corrections",
    "front",
    "history",
    "in_the_open",
    "letters",
    "pages",
    "sample",
    "share_images",
    "sitemap",
    "support",
    "trust",
]
