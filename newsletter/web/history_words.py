"""Words about revisions: what kind they are, when they were published, what changed in them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol

from flask import Flask
from markupsafe import Markup

from newsletter.articles.models import PublishedBasis, RevisionKind
from newsletter.articles.revision_diff import ArticlePart, TextChange, ValueChange
from newsletter.articles.revision_history import Delay, Since
from newsletter.articles.word_diff import Piece, PieceKind
from newsletter.core.languages import gettext_noop
from newsletter.core.runtime import runtime
from newsletter.web.language import page_language

KINDS = {
    RevisionKind.FIRST: gettext_noop("Published"),
    RevisionKind.SMALL: gettext_noop("Small change"),
    RevisionKind.UPDATE: gettext_noop("Update"),
    RevisionKind.CORRECTION: gettext_noop("Correction"),
    RevisionKind.WITHDRAWAL: gettext_noop("Withdrawal"),
}

BASES = {
    PublishedBasis.PAGE_DATE: gettext_noop("the date on its page"),
    PublishedBasis.GIVEN: gettext_noop("as its editor says"),
    PublishedBasis.IMPORT: gettext_noop("when it came to this site"),
}

PARTS = {
    ArticlePart.SECTION: gettext_noop("Section"),
    ArticlePart.DATE: gettext_noop("Date"),
    ArticlePart.LANGUAGE: gettext_noop("Language of the story"),
    ArticlePart.TITLE: gettext_noop("Headline"),
    ArticlePart.DEK: gettext_noop("Introduction"),
    ArticlePart.WRITTEN_BY: gettext_noop("Written by"),
    ArticlePart.CHECKED_BY: gettext_noop("Checked by"),
    ArticlePart.AI_USE: gettext_noop("Use of AI"),
    ArticlePart.TRUST: gettext_noop("Trust"),
    ArticlePart.TRUST_PART: gettext_noop("Trust"),
    ArticlePart.HYPE: gettext_noop("Hype"),
    ArticlePart.SOURCE_COUNT: gettext_noop("Number of sources"),
    ArticlePart.POINTS: gettext_noop("TL;DR"),
    ArticlePart.BODY: gettext_noop("Text"),
    ArticlePart.SOURCES: gettext_noop("Sources"),
    ArticlePart.MARKUP: gettext_noop("Written as"),
}

_ONE = {
    ArticlePart.POINTS: gettext_noop("TL;DR, point %(first)s"),
    ArticlePart.BODY: gettext_noop("Paragraph %(first)s"),
    ArticlePart.SOURCES: gettext_noop("Source %(first)s"),
}
_SEVERAL = {
    ArticlePart.POINTS: gettext_noop("TL;DR, points %(first)s to %(last)s"),
    ArticlePart.BODY: gettext_noop("Paragraphs %(first)s to %(last)s"),
    ArticlePart.SOURCES: gettext_noop("Sources %(first)s to %(last)s"),
}
_GONE = gettext_noop("%(place)s, as it was before")

_MARKED = {
    PieceKind.REMOVED: (Markup("{}<del>{}{}{}</del>"), gettext_noop("[removed:"), gettext_noop("end of removed]")),
    PieceKind.ADDED: (Markup("{}<ins>{}{}{}</ins>"), gettext_noop("[added:"), gettext_noop("end of added]")),
}


class Dated(Protocol):
    """A revision, or an entry of the history."""

    @property
    def published_at(self) -> datetime: ...

    @property
    def published_at_basis(self) -> PublishedBasis: ...


def install(app: Flask) -> None:
    """Let templates use them as filters."""
    app.jinja_env.filters.update(
        published=published,
        kind_words=lambda kind: page_language().gettext(KINDS[kind]),
        basis_words=lambda basis: page_language().gettext(BASES[basis]),
        delay_words=delay_words,
        place_words=place_words,
        part_words=lambda part: page_language().gettext(PARTS[part]),
        pieces=pieces_html,
        capitalized=lambda text: text[:1].upper() + text[1:],
        parts_that_add_up=lambda number: page_language().counted(
            "%(number)s part of trust", "%(number)s parts that add up", number
        ),
        stories_scored=lambda number: page_language().counted("A story, scored", "%(number)s stories, scored", number),
        readers=lambda number: page_language().counted("%(number)s reader", "%(number)s readers", number),
        revisions=lambda number: page_language().counted("%(number)s revision", "%(number)s revisions", number),
        corrections=lambda number: page_language().counted("%(number)s correction", "%(number)s corrections", number),
    )


def published(dated: Dated) -> str:
    """ "4 May 2026 at 08:05 (Europe/Lisbon)"; of a page that has a date alone "2 May 2026"."""
    spoken, zone = page_language(), runtime().settings.timezone
    if dated.published_at_basis == PublishedBasis.PAGE_DATE:
        return spoken.day(dated.published_at.astimezone(UTC).date())
    local = dated.published_at.astimezone(zone)
    text = spoken.gettext("%(day)s at %(time)s (%(zone)s)")
    return text % {"day": spoken.day(local.date()), "time": spoken.time(local.time()), "zone": zone.key}


def delay_words(delay: Delay) -> str:
    """ "10 days after publication", "41 minutes after the mistake was reported"."""
    spoken = page_language()
    if delay.is_in_days and delay.duration.days < 1:
        return spoken.gettext("on the day of publication")
    after = {
        Since.PUBLICATION: gettext_noop("%(duration)s after publication"),
        Since.REPORT: gettext_noop("%(duration)s after the mistake was reported"),
    }[delay.since]
    return spoken.gettext(after) % {"duration": spoken.duration(delay.duration, in_days=delay.is_in_days)}


def place_words(change: TextChange | ValueChange) -> str:
    """ "Introduction", "TL;DR, point 1", "Paragraphs 2 to 4"."""
    spoken = page_language()
    if isinstance(change, ValueChange) or not change.first:
        return spoken.gettext(PARTS[change.part])
    words = _ONE if change.first == change.last else _SEVERAL
    place = spoken.gettext(words[change.part]) % {
        "first": spoken.number(change.first),
        "last": spoken.number(change.last),
    }
    return spoken.gettext(_GONE) % {"place": place} if change.is_gone else place


def pieces_html(pieces: tuple[Piece, ...]) -> Markup:
    """A text with what was removed in `del` and what was added in `ins`, each paragraph an element of its own.

    Style sheets give both a sign. Most screen readers keep quiet about the two elements, so words that are heard and
    not seen stand around what changed.
    """
    paragraphs: list[list[Markup]] = [[]]
    for piece in pieces:
        for number, part in enumerate(piece.text.split("\n")):
            if number and paragraphs[-1]:
                paragraphs.append([])
            if part.strip():
                paragraphs[-1].append(_piece_html(piece.kind, part))
    return Markup("").join(Markup('<p dir="auto">{}</p>').format(Markup("").join(each)) for each in paragraphs if each)


def _piece_html(kind: PieceKind, text: str) -> Markup:
    blank, words = " " if text.startswith(" ") else "", text.lstrip(" ")
    if kind == PieceKind.SAME:
        return Markup("{}{}").format(blank, words)
    spoken, heard = page_language(), Markup('<span class="out">{}</span>')
    template, begins, ends = _MARKED[kind]
    begins, ends = spoken.gettext(begins), spoken.gettext(ends)
    return template.format(blank, heard.format(f"{begins} "), words, heard.format(f" {ends}"))
