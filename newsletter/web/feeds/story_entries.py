"""Stories and corrections as entries of feeds."""

from __future__ import annotations

from uuid import UUID

from flask import render_template
from sqlalchemy.orm import Session

from newsletter.articles import feed_articles
from newsletter.articles.addresses import article_address
from newsletter.articles.models import Revision
from newsletter.articles.texts import body_html, bullets_html
from newsletter.core import public_paths
from newsletter.core.config import Settings
from newsletter.core.languages import PUBLICATION_LANGUAGE, language_of
from newsletter.web.feeds.feed import FEED_SIZE, Entry, urn
from newsletter.web.feeds.xml_text import one_line, xml_text


def story_entries(
    session: Session, settings: Settings, namespace: UUID, section: str | None = None
) -> tuple[Entry, ...]:
    """The newest stories, or those of a section, with their full text."""
    revisions = feed_articles.newest_articles(session, FEED_SIZE, section)
    times = feed_articles.article_times(session, [each.article_id for each in revisions])
    return tuple(_story(settings, namespace, each, times[each.article_id]) for each in revisions)


def correction_entries(session: Session, settings: Settings, namespace: UUID) -> tuple[Entry, ...]:
    """The newest corrections and withdrawals, with the sentence that readers are told."""
    return tuple(
        _correction(settings, namespace, each) for each in feed_articles.newest_corrections(session, FEED_SIZE)
    )


def _story(settings: Settings, namespace: UUID, story: Revision, times: feed_articles.ArticleTimes) -> Entry:
    address = article_address(settings, story.slug, story.url)
    ours = settings.url(public_paths.article(story.slug))
    history = settings.url(public_paths.history(story.slug))
    content = render_template(
        "feeds/story.html", story=story, body=body_html(story), bullets=bullets_html(story), history=history
    )
    return Entry(
        id=urn(namespace, f"article/{story.article_id}"),
        address=address,
        title=one_line(story.title),
        summary=one_line(story.dek),
        content=xml_text(content),
        published=times.published,
        updated=times.updated,
        language=story.language,
        sections=(one_line(story.section),),
        author=one_line(story.written_by),
        is_elsewhere=address != ours,
    )


def _correction(settings: Settings, namespace: UUID, revision: Revision) -> Entry:
    words = language_of(PUBLICATION_LANGUAGE)
    title = words.gettext("Withdrawn: %(title)s") if revision.is_withdrawal else words.gettext("Correction: %(title)s")
    address = settings.url(public_paths.revision(revision.slug, revision.number))
    content = render_template(
        "feeds/correction.html", revision=revision, story=article_address(settings, revision.slug, revision.url)
    )
    return Entry(
        id=urn(namespace, f"revision/{revision.id}"),
        address=address,
        title=one_line(title % {"title": revision.title}),
        summary=one_line(revision.note or ""),
        content=xml_text(content),
        published=revision.published_at,
        updated=revision.published_at,
        language=revision.language,
        sections=(one_line(revision.section),),
    )
