"""JSON Feed 1.1 (jsonfeed.org/version/1.1)."""

from __future__ import annotations

import json
from typing import Any

from newsletter.web.feeds.feed import Entry, Feed


def json_feed(feed: Feed) -> str:
    """The feed as JSON. Empty members are left out, as the specification wants it."""
    content: dict[str, Any] = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "home_page_url": feed.page,
        "feed_url": feed.address,
        "description": feed.description,
        "language": feed.language,
        "authors": [{"name": feed.publication}],
        "hubs": [{"type": "WebSub", "url": feed.hub}] if feed.hub else None,
        "items": [_item(entry) for entry in feed.entries],
    }
    return json.dumps({name: value for name, value in content.items() if value is not None}, ensure_ascii=False)


def _item(entry: Entry) -> dict[str, Any]:
    content = {
        "id": entry.id,
        "url": entry.address,
        "title": entry.title,
        "content_html": entry.content,
        "summary": entry.summary,
        "date_published": entry.published.isoformat(),
        "date_modified": entry.updated.isoformat(),
        "authors": [{"name": entry.author}] if entry.author else None,
        "tags": list(entry.sections),
        "language": entry.language,
    }
    return {name: value for name, value in content.items() if value}
