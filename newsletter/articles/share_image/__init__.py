"""Pictures of stories for the sites where they are shared."""

from newsletter.articles.share_image.drawing import HEIGHT, WIDTH, Words, png, svg
from newsletter.articles.share_image.stored import StoredImages

__all__ = ["HEIGHT", "WIDTH", "StoredImages", "Words", "png", "svg"]
