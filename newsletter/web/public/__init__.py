"""Public pages: front page, stories, support, the figures in the open, the last letter, and who is behind it."""

from newsletter.web.public import about, article_list, articles, front, in_the_open, letters, sample, sitemap, support
from newsletter.web.public.blueprint import pages

__all__ = [
    "about",
    "article_list",
    "articles",
    "front",
    "in_the_open",
    "letters",
    "pages",
    "sample",
    "sitemap",
    "support",
]
