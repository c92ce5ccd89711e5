"""The JSON shapes of articles."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from newsletter.articles.article_list import ListedArticle
from newsletter.articles.models import Article, Revision


def article_summary_json(revision: Revision | ListedArticle) -> dict[str, Any]:
    """A revision as a list shows it."""
    return {
        "slug": revision.slug,
        "revision": revision.number,
        "section": revision.section,
        "date": revision.date.isoformat(),
        "title": revision.title,
        "trust": revision.trust,
        "hype": revision.hype,
        "source_count": revision.source_count,
    }


def revision_json(revision: Revision) -> dict[str, Any]:
    """A revision with its text and sources."""
    return {
        **article_summary_json(revision),
        "language": revision.language,
        "dek": revision.dek,
        "sources": [asdict(source) for source in revision.sources],
        "bullets": revision.bullets,
        "paragraphs": revision.paragraphs,
        "created_at": revision.created_at.isoformat(),
    }


def article_json(article: Article) -> dict[str, Any]:
    """The newest revision, and all `revisions` in order."""
    return {**revision_json(article.current), "revisions": [revision_json(each) for each in article.revisions]}
