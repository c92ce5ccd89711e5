"""Data about a story for search engines and other programs: schema.org's NewsArticle as JSON-LD.

It stands in the page as a block of data, which browsers do not run, so the policy of scripts does not concern it.
"""

from __future__ import annotations

import json
from typing import Any

from markupsafe import Markup

from newsletter.articles.models import Revision
from newsletter.articles.revision_history import History
from newsletter.core import public_paths
from newsletter.core.config import Settings

_ESCAPED = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}
"""Signs that could end the block, or begin a comment in it (html.spec.whatwg.org, "script")."""


def json_ld(settings: Settings, history: History, revision: Revision, *, address: str, image: str) -> Markup:
    """The block's content."""
    about = settings.url(public_paths.ABOUT)
    content = {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "headline": revision.title,
        "description": revision.note if revision.is_withdrawal else revision.dek,
        "url": address,
        "mainEntityOfPage": address,
        "image": [image],
        "inLanguage": revision.language,
        "articleSection": revision.section,
        "isAccessibleForFree": True,
        "datePublished": history.first.published_at.isoformat(),
        "dateModified": history.newest.published_at.isoformat(),
        "publisher": _publisher(settings),
        "author": _person(revision.written_by, about) or _publisher(settings),
        "editor": _person(revision.checked_by, about),
        "creditText": revision.ai_use,
        "creativeWorkStatus": "Withdrawn" if history.newest.is_withdrawal else "Published",
        "citation": [_source(source.publisher, source.title, source.url) for source in revision.sources],
        "correction": [_correction(entry.note or "", entry.published_at.isoformat()) for entry in history.corrections],
    }
    text = json.dumps({name: value for name, value in content.items() if value}, ensure_ascii=False)
    return Markup(text.translate(_ESCAPED))  # noqa: S704 - no sign of HTML is left


def _publisher(settings: Settings) -> dict[str, str]:
    return {
        "@type": "NewsMediaOrganization",
        "name": settings.publication_name,
        "url": settings.url(public_paths.FRONT),
        "correctionsPolicy": settings.url(public_paths.CORRECTIONS),
    }


def _person(name: str, about: str) -> dict[str, str] | None:
    return {"@type": "Person", "name": name, "url": about} if name else None


def _source(publisher: str, title: str, url: str) -> dict[str, Any]:
    found: dict[str, Any] = {"@type": "CreativeWork", "name": title}
    if publisher:
        found["publisher"] = {"@type": "Organization", "name": publisher}
    if url.startswith(("https://", "http://")):
        found["url"] = url
    return found


def _correction(text: str, published: str) -> dict[str, str]:
    return {"@type": "CorrectionComment", "text": text, "datePublished": published}
