"""`newsletter articles`: importing, listing and showing articles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup

from newsletter.articles import article_list, queries
from newsletter.articles.errors import PageError
from newsletter.articles.facts_line import facts_line
from newsletter.articles.files import pages_in, read_page
from newsletter.articles.importing import ImportedPage, import_page
from newsletter.articles.models import Article, Revision
from newsletter.articles.remarks import remarks
from newsletter.cli.output import emit, json_option, say, table
from newsletter.core.errors import NewsletterError
from newsletter.core.language_tags import canonical_tag
from newsletter.core.languages import ENGLISH, PUBLICATION_LANGUAGE, language_of
from newsletter.core.runtime import runtime
from newsletter.serializers.articles import article_json, article_summary_json


class LanguageTag(click.ParamType[str]):
    """A language tag, like de or pt-BR."""

    name = "tag"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return canonical_tag(value) or self.fail("This is no language tag like de or pt-BR.", param, ctx)


articles = AppGroup("articles", help="Articles: import, list, show.")


@articles.command("import")
@click.argument("paths", metavar="PATH…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--article", "slug", metavar="SLUG", help="The article that the page belongs to, if its title changed.")
@click.option(
    "--language", type=LanguageTag(), default=PUBLICATION_LANGUAGE, show_default=True, help="Of pages that say none."
)
@json_option
@click.pass_context
def import_(ctx: click.Context, paths: tuple[Path, ...], slug: str | None, language: str, as_json: bool) -> None:
    """Import article pages saved as text: files, or folders of .txt files.

    Good pages are kept even if others are refused; then the exit code is 1. A section that is new, and a number of
    sources that is not that of the list, are said.
    """
    report: dict[str, list[Any]] = {"created": [], "revised": [], "unchanged": [], "refused": [], "remarks": []}
    files = [file for path in paths for file in _files(path, report["refused"])]
    if slug is not None and len(files) > 1:
        raise click.UsageError("--article names one article, so give it one page.")
    for file in files:
        try:
            imported, said = _import(file, slug, language)
        except NewsletterError as error:
            _refuse(report["refused"], file, error)
        else:
            report[imported.outcome].append(imported.slug)
            if not as_json:
                click.echo(f"{imported.outcome.ljust(9)}  {imported.slug}")
            for remark in said:
                _remark(report["remarks"], file, remark)
    if as_json:
        emit(report, "", as_json=True)
    if report["refused"]:
        ctx.exit(1)


def _files(path: Path, refused: list[Any]) -> list[Path]:
    try:
        return pages_in(path)
    except PageError as error:
        _refuse(refused, path, error)
        return []


def _import(file: Path, slug: str | None, language: str) -> tuple[ImportedPage, list[str]]:
    """Import a page; the remarks on it are those on what was there before."""
    page = read_page(file, runtime().settings.hype_labels, language=language)
    with runtime().db.transaction() as session:  # one for each file: a good page stays, whatever follows
        said = remarks(page, queries.sections(session))
        imported = import_page(session, page, slug=slug)
    return imported, said if imported.outcome != "unchanged" else []


def _remark(said: list[Any], file: Path, remark: str) -> None:
    name = click.format_filename(file)
    said.append({"file": name, "remark": remark})
    say(f"{name}: {remark}", err=True)


def _refuse(refused: list[Any], file: Path, error: NewsletterError) -> None:
    name = click.format_filename(file)
    line, reason = (error.line, error.reason) if isinstance(error, PageError) else (None, str(error))
    refused.append({"file": name, "line": line, "reason": reason})
    say(f"{name}: {reason}" if line is None else f"{name}, line {line}: {reason}", err=True)


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
    revisions = [
        f"{revision.number}. {revision.created_at:%Y-%m-%d %H:%M} UTC · {revision.title}"
        for revision in article.revisions
    ]
    parts = [
        f"{newest.section} · {newest.date.day} {newest.date:%B %Y}{_language(newest)}\n{newest.title}",
        newest.dek,
        facts_line(newest, language_of(ENGLISH)),
        "\n".join(f"• {bullet}" for bullet in newest.bullets),
        *newest.paragraphs,
        "\n".join(["Sources", *sources]),
        "\n".join(["Revisions", *revisions]),
    ]
    return "\n\n".join(filter(None, parts))


def _language(revision: Revision) -> str:
    """The language where it is not the publication's."""
    return f" · {revision.language}" if revision.language != PUBLICATION_LANGUAGE else ""
