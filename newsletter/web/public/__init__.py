"""Public pages: the front page, the stories, and the last letter as a sample."""

from newsletter.web.public import article_list, articles, front, sample
from newsletter.web.public.blueprint import pages

__all__ = ["article_list", "articles", "front", "pages", "sample"]
