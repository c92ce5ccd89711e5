"""Public pages: the front page, the stories, and the last letter as a sample."""

from newsletter.web.public import articles, front, sample
from newsletter.web.public.blueprint import pages

__all__ = ["articles", "front", "pages", "sample"]
