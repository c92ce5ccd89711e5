"""The JSON shapes of articles."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from newsletter.articles.article_list import ListedArticle
from newsletter.articles.models import Article, Revision, Rubric


def article_summary_json(revision: Revision | ListedArticle) -> dict[str, Any]:
    """A revision as a list shows it."""
    return {
        "slug": revision.slug,
        "revision": revision.number,
        "section": revision.section,
        "date": revision.date.isoformat(),
        "title": revision.title,
        "url": revision.url,
        "trust": revision.trust,
        "hype": revision.hype,
        "source_count": revision.source_count,
    }


def revision_json(revision: Revision) -> dict[str, Any]:
    """A revision with its text and sources."""
    return {
        **article_summary_json(revision),
        "kind": revision.kind,
        "note": revision.note,
        "serious": revision.serious,
        "reported_at": revision.reported_at.isoformat() if revision.reported_at else None,
        "published_at": revision.published_at.isoformat(),
        "published_at_basis": revision.published_at_basis,
        "written_by": revision.written_by,
        "checked_by": revision.checked_by,
        "ai_use": revision.ai_use,
        "trust_parts": revision.trust_parts,
        "rubric": revision.rubric_id,
        "language": revision.language,
        "markup": revision.markup,
        "dek": revision.dek,
        "sources": [asdict(source) for source in revision.sources],
        "bullets": revision.bullets,
        "paragraphs": revision.paragraphs,
        "created_at": revision.created_at.isoformat(),
    }


def article_json(article: Article) -> dict[str, Any]:
    """The newest revision, whether it is a withdrawal, and all `revisions` in order."""
    current = article.current
    return {
        **revision_json(current),
        "withdrawn": current.is_withdrawal,
        "revisions": [revision_json(each) for each in article.revisions],
    }


def rubric_json(rubric: Rubric) -> dict[str, Any]:
    """A rubric; its `id` is null while it is the shipped one and no score was given under it."""
    return {"id": rubric.id, "effective_from": rubric.effective_from.isoformat(), "parts": rubric.parts}
