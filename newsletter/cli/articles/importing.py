"""`newsletter articles import`: saved pages become articles and revisions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import click
from sqlalchemy.orm import Session

from newsletter.articles import queries
from newsletter.articles.addresses import checked_address, set_article_address
from newsletter.articles.changes import SMALL_CHANGE, Change
from newsletter.articles.errors import PageError
from newsletter.articles.files import pages_in, read_page
from newsletter.articles.importing import import_page
from newsletter.articles.models import Markup, RevisionKind
from newsletter.articles.page import ParsedPage
from newsletter.articles.remarks import remarks
from newsletter.articles.rubric_parts import RubricPart
from newsletter.articles.rubrics import parts_of, rubrics_until
from newsletter.cli.articles.import_report import ImportReport
from newsletter.cli.articles.listing import articles
from newsletter.cli.output import emit, json_option
from newsletter.cli.times import ZonedTime
from newsletter.core import clock
from newsletter.core.errors import ConflictError, NewsletterError
from newsletter.core.language_tags import canonical_tag
from newsletter.core.languages import PUBLICATION_LANGUAGE
from newsletter.core.runtime import runtime


class LanguageTag(click.ParamType[str]):
    """A language tag, like de or pt-BR."""

    name = "tag"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return canonical_tag(value) or self.fail("This is no language tag like de or pt-BR.", param, ctx)


@dataclass(frozen=True)
class Options:
    """The options that are about the pages."""

    slug: str | None
    url: str | None
    language: str
    markup: Markup
    change: Change
    today: date
    rubrics: Sequence[Sequence[RubricPart]]
    """The parts of the rubric in force, and then of older ones, the newest first."""

    def read(self, file: Path) -> ParsedPage:
        """The page, its parts of trust by the rubric in force; else by an older one, for an article that has them."""
        in_force, *older = self.rubrics
        try:
            return self._read(file, in_force)
        except PageError as error:
            if error.code in ("page.unknown_part", "page.part_points"):
                for parts in older:
                    with suppress(PageError):
                        return replace(self._read(file, parts), outdated=error)
            raise

    def _read(self, file: Path, parts: Sequence[RubricPart]) -> ParsedPage:
        labels = runtime().settings.hype_labels
        return read_page(file, labels, language=self.language, markup=self.markup, parts=parts)


@articles.command("import")
@click.argument("paths", metavar="PATH…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--article", "slug", metavar="SLUG", help="The article that the page belongs to, if its title changed.")
@click.option("--small", is_flag=True, help="What changed is small, as if nothing were said.")
@click.option("--update", metavar="SENTENCE", help="One page brings something new: the sentence tells readers.")
@click.option("--correction", metavar="SENTENCE", help="One page puts a mistake right: the sentence tells readers.")
@click.option("--serious", is_flag=True, help="The mistake matters to those who read it.")
@click.option("--reported-at", type=ZonedTime(), help="The time at which the mistake was reported.")
@click.option("--published-at", type=ZonedTime(), help="The time of publication, of one page.")
@click.option("--url", metavar="ADDRESS", help="The address where the story of one page is read, or none.")
@click.option("--markdown", is_flag=True, help="Pages that do not say so are Markdown.")
@click.option(
    "--language", type=LanguageTag(), default=PUBLICATION_LANGUAGE, show_default=True, help="Of pages that say none."
)
@json_option
@click.pass_context
def import_(
    ctx: click.Context,
    paths: tuple[Path, ...],
    slug: str | None,
    small: bool,
    update: str | None,
    correction: str | None,
    serious: bool,
    reported_at: datetime | None,
    published_at: datetime | None,
    url: str | None,
    markdown: bool,
    language: str,
    as_json: bool,
) -> None:
    """Import article pages saved as text: files, or folders of .txt files.

    Good pages are kept even if others are refused; then the exit code is 1. A page that changes an article is a small
    change, unless --update or --correction says more; these are taken only when exactly one page changes its article.
    A section that is new, and a number of sources that is not that of the list, are said.
    """
    kind, note = _kind(small, update, correction)
    change = Change(kind, note, serious, reported_at, published_at).checked()
    report = ImportReport()
    files = [file for path in paths for file in _files(path, report)]
    of_one_page = {"--article": slug, "--published-at": published_at, "--url": url}
    if len(files) > 1 and (option := next((name for name, value in of_one_page.items() if value), None)):
        raise click.UsageError(f"{option} is about one article, so give it one page.")
    url = url if url is None or url == "none" else checked_address(url)
    markup = Markup.MARKDOWN if markdown else Markup.TEXT
    today = clock.today(runtime().settings.timezone)
    with runtime().db.reading() as session:
        rubrics = [parts_of(rubric) for rubric in rubrics_until(session, today)]
    options = Options(slug, url, language, markup, change, today, rubrics)
    pages = ((file, page) for file in files if (page := _read(file, options, report)))
    if kind == RevisionKind.SMALL:
        for file, page in pages:
            with runtime().db.transaction() as session:  # one for each file: a good page stays, whatever follows
                _import(session, file, page, options, report)
            report.print(outcomes=not as_json)
    else:
        _import_one_change(list(pages), options, report)
    report.print(outcomes=not as_json)
    if as_json:
        emit(report.values, "", as_json=True)
    if report.values["refused"]:
        ctx.exit(1)


def _kind(small: bool, update: str | None, correction: str | None) -> tuple[RevisionKind, str | None]:
    said = [
        (kind, note)
        for kind, note in ((RevisionKind.UPDATE, update), (RevisionKind.CORRECTION, correction))
        if note is not None
    ]
    if len(said) + small > 1:
        raise click.UsageError("Say one of --small, --update and --correction.")
    return said[0] if said else (SMALL_CHANGE.kind, None)


def _files(path: Path, report: ImportReport) -> Iterator[Path]:
    try:
        yield from pages_in(path)
    except PageError as error:
        report.refuse(path, error)


def _read(file: Path, options: Options, report: ImportReport) -> ParsedPage | None:
    try:
        return options.read(file)
    except PageError as error:
        report.refuse(file, error)
        return None


def _import(session: Session, file: Path, page: ParsedPage, options: Options, report: ImportReport) -> None:
    """Import a page; the remarks on it are those on what was there before. A page that is refused changes nothing."""
    try:
        with session.begin_nested():
            said = remarks(page, queries.sections(session))
            imported = import_page(session, page, slug=options.slug, change=options.change, today=options.today)
            if options.url is not None:
                set_article_address(session, imported.slug, None if options.url == "none" else options.url)
    except NewsletterError as error:
        report.refuse(file, error)
    else:
        report.add(file, imported, said)


def _import_one_change(pages: Sequence[tuple[Path, ParsedPage]], options: Options, report: ImportReport) -> None:
    """Import all pages or, where the sentence is not about exactly one article, none: then ConflictError is raised."""
    with runtime().db.transaction() as session:
        for file, page in pages:
            _import(session, file, page, options, report)
        if (count := len(report.values["revised"])) != 1:
            report.print(outcomes=False)
            raise ConflictError(
                "article.changes_not_one",
                "The sentence is about one article, but %(count)d of the pages change one: nothing was imported.",
                count=count,
            )
