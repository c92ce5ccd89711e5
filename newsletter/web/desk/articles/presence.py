"""The pages that have a story open. They stand in Redis for as long as they say so; while it is away nobody knows."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from flask import render_template, request
from redis.exceptions import RedisError

from newsletter.articles.drafts.saving import LONGEST_KEY
from newsletter.core import clock
from newsletter.core.runtime import runtime
from newsletter.staff.rights import Right
from newsletter.staff.sessions import SignedIn
from newsletter.web.desk.access import needs
from newsletter.web.desk.articles.story import Story, story_of_draft, story_of_slug
from newsletter.web.desk.blueprint import desk, signed_in

log = logging.getLogger(__name__)

OPEN_FOR = timedelta(seconds=50)
"""A page says every 20 seconds that it is open (static/story.js)."""


class OtherPage(NamedTuple):
    """Another page that has the story open."""

    name: str
    """Of the person; empty for another tab of one's own."""
    since: datetime


@desk.post("/articles/drafts/<int:number>/presence")
@needs(Right.WRITE, is_activity=False)
def draft_presence(number: int) -> dict[str, Any]:
    """Say that a draft is open, or closed."""
    with runtime().db.reading() as session:
        return _answer(story_of_draft(session, number))


@desk.post("/articles/stories/<slug>/presence")
@needs(Right.WRITE, is_activity=False)
def story_presence(slug: str) -> dict[str, Any]:
    """Say that a published story is open, or closed."""
    with runtime().db.reading() as session:
        return _answer(story_of_slug(session, slug))


def colleagues_at(story: Story, person: SignedIn) -> list[OtherPage]:
    """The pages of other people. A page of one's own that was just left for this one may still be there."""
    return [page for page in _other_pages(story, person, "") if page.name]


def _other_pages(story: Story, person: SignedIn, key: str, *, is_open: bool | None = None) -> list[OtherPage]:
    """The pages, besides the one with this key, that have a story open. With `is_open` this page is one of them from
    now on, or not any more. A person is named once, with the time since when.
    """
    name = _name(story)
    if name is None:
        return []
    now, redis = clock.now(), runtime().queues.redis
    try:
        if is_open:
            since = _since(redis.hget(name, key), now)
            redis.hset(name, key, json.dumps([person.member_id, person.name, since, now.timestamp()]))
            redis.expire(name, OPEN_FOR)
        elif is_open is False:
            redis.hdel(name, key)
        entries: dict[bytes, bytes] = redis.hgetall(name)  # type: ignore[assignment]
    except RedisError as error:
        log.info("nobody knows who has a story open: %s", type(error).__name__)
        return []
    found: dict[int, OtherPage] = {}
    for other, entry in entries.items():
        member_id, member_name, since, seen = json.loads(entry)
        if other.decode() == key or now.timestamp() - seen > OPEN_FOR.total_seconds():
            continue
        shown = "" if member_id == person.member_id else str(member_name)
        page = OtherPage(shown, datetime.fromtimestamp(since, UTC))
        found[member_id] = min(found.get(member_id, page), page, key=lambda each: each.since)
    return sorted(found.values(), key=lambda each: each.since)


def _name(story: Story) -> str | None:
    if story.slug is not None:
        return f"open:story:{story.slug}"
    return f"open:draft:{story.draft.id}" if story.draft is not None else None


def _since(entry: Any, now: datetime) -> float:
    return float(json.loads(entry)[2]) if entry else now.timestamp()


def _answer(story: Story) -> dict[str, Any]:
    key, is_open = request.form.get("key", "")[:LONGEST_KEY], "closed" not in request.form
    others = _other_pages(story, signed_in(), key, is_open=is_open)
    return {"others": render_template("desk/articles/_others.html", others=others)}
