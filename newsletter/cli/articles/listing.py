"""`newsletter articles`: listing and showing articles."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from newsletter.articles import article_list, queries
from newsletter.articles.facts_line import facts_line
from newsletter.articles.models import Article, Revision
from newsletter.articles.rubrics import parts_of
from newsletter.articles.texts import body_text, bullets_text
from newsletter.cli.output import emit, json_option, table
from newsletter.core.languages import ENGLISH, PUBLICATION_LANGUAGE, language_of
from newsletter.core.runtime import runtime
from newsletter.serializers.articles import article_json, article_summary_json

articles = AppGroup("articles", help="Articles: import, list, show, sources, withdraw.")


@articles.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List all articles, the latest first."""
    with runtime().db.reading() as session:
        listed = [article_summary_json(article) for article in article_list.latest_articles(session)]
    head = ("DATE", "SECTION", "TRUST", "HYPE", "SLUG", "TITLE")
    rows = [tuple(str(article[name.lower()]) for name in head) for article in listed]
    emit(listed, table(rows, head, "No article yet: `newsletter articles import PATH` brings some."), as_json=as_json)


@articles.command()
@click.argument("slug")
@json_option
def show(slug: str, as_json: bool) -> None:
    """Show an article: every field, and its revisions."""
    with runtime().db.reading() as session:
        article = queries.get_article(session, slug)
        emit(article_json(article), _in_words(article), as_json=as_json)


def _in_words(article: Article) -> str:
    newest = article.current
    sources = [
        f"{number}. {' · '.join(filter(None, (source.publisher, source.title, source.url)))}"
        for number, source in enumerate(newest.sources, 1)
    ]
    parts = [
        f"{newest.section} · {newest.date.day} {newest.date:%B %Y}{_language(newest)}\n{newest.title}",
        newest.dek,
        "\n".join([facts_line(newest, language_of(ENGLISH)), *_trust_parts(newest), *_credits(newest)]),
        "\n".join(f"• {bullet}" for bullet in bullets_text(newest)),
        body_text(newest),
        "\n".join(["Sources", *sources]),
        "\n".join(["Revisions", *map(_revision, article.revisions)]),
    ]
    return "\n\n".join(filter(None, parts))


def _trust_parts(revision: Revision) -> list[str]:
    if revision.rubric is None:
        return []
    points = {each["key"]: each["points"] for each in revision.trust_parts or ()}
    return [
        f"  {part.in_language(ENGLISH).name} {points[part.key]}/{part.most}"
        for part in parts_of(revision.rubric)
        if part.key in points
    ]


def _credits(revision: Revision) -> list[str]:
    given = {"Written by": revision.written_by, "Checked by": revision.checked_by, "AI used for": revision.ai_use}
    return [f"{name}: {words}" for name, words in given.items() if words]


def _revision(revision: Revision) -> str:
    kind = f"serious {revision.kind}" if revision.serious else str(revision.kind)
    line = f"{revision.number}. {revision.published_at:%Y-%m-%d %H:%M} UTC · {kind} · {revision.title}"
    return f"{line}\n   {revision.note}" if revision.note else line


def _language(revision: Revision) -> str:
    """The language where it is not the publication's."""
    return f" · {revision.language}" if revision.language != PUBLICATION_LANGUAGE else ""
