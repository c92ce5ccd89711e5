"""Public pages: the front page, the stories, the last letter as a sample, and who is behind it."""

from newsletter.web.public import about, article_list, articles, front, sample, sitemap
from newsletter.web.public.blueprint import pages

__all__ = ["about", "article_list", "articles", "front", "pages", "sample", "sitemap"]
