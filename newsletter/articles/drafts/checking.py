"""Checking a draft: what was entered becomes a revision's content.

Each field is checked by itself, so that a form can show all errors at once. A wrong field gets a value that can be
shown, so that a preview can always be made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from newsletter.articles.changes import Change
from newsletter.articles.drafts.content import DraftContent, DraftSource
from newsletter.articles.models import Markup, RevisionKind, Source
from newsletter.articles.page_head import LONGEST_CREDIT
from newsletter.articles.page_lines import one_line
from newsletter.articles.rubric_parts import HIGHEST_SCORE, RubricPart
from newsletter.core import markdown
from newsletter.core.errors import InvalidError, NewsletterError
from newsletter.core.language_tags import canonical_tag
from newsletter.core.name_rules import LONGEST_NAME, is_name
from newsletter.core.text_direction import keep_direction

T = TypeVar("T")

LONGEST_LINE = 1000
"""Characters of a headline, a dek, a point of TL;DR, or a part of a source."""
PART = "part-"
"""The beginning of the names of fields with the points of a part of trust."""
_NUMBER = re.compile(r"[0-9]{1,4}")
_ADDRESS = re.compile(r"https://[^\s/?#@\\<>\"]+(?:[/?#][^\s<>\"]*)?")


class DraftError(InvalidError):
    """A draft that is no story yet; `errors` are by the names of the form's fields."""

    def __init__(self, code: str, errors: Mapping[str, NewsletterError]) -> None:
        super().__init__(code, "%(count)d fields need a look before this can be published.", count=len(errors))
        self.errors = errors


class ContentCheck:
    """The content of a revision, and the errors on the way to it."""

    def __init__(
        self, entered: DraftContent, parts: Sequence[RubricPart], hype_labels: Sequence[str], today: date
    ) -> None:
        self.errors: dict[str, InvalidError] = {}
        self._entered = entered
        sources = self._sources()
        score, given = self._trust(parts)
        self.values: dict[str, Any] = {
            "language": self._language(),
            "section": self._section(),
            "date": self._date(today),
            "title": self._line("title", entered.title, required="The headline is missing."),
            "dek": self._line("dek", entered.dek),
            "written_by": self._line("written_by", entered.written_by, LONGEST_CREDIT),
            "checked_by": self._line("checked_by", entered.checked_by, LONGEST_CREDIT),
            "ai_use": self._line("ai_use", entered.ai_use, LONGEST_CREDIT),
            "trust": score,
            "trust_parts": given,
            "hype": self._hype(hype_labels),
            "source_count": self._source_count(len(sources)),
            "sources_json": [asdict(source) for source in sources],
            "markup": Markup.TEXT if entered.markup == Markup.TEXT else Markup.MARKDOWN,
            "bullets": self._points(),
            "body": self._body(),
        }
        if not self.values["body"] and not self.values["bullets"]:
            self._refuse("body", InvalidError("draft.no_text", "The story has no text yet."))

    @property
    def unjudged(self) -> frozenset[str]:
        """Of trust and hype those that the draft lacks: what `values` has in their place is no judgement."""
        lacks_trust = any(name == "trust" or name.startswith(PART) for name in self.errors)
        return frozenset(["trust"] * lacks_trust + ["hype"] * ("hype" in self.errors))

    def _refuse(self, name: str, error: InvalidError) -> None:
        self.errors.setdefault(name, error)

    def _line(self, name: str, text: str, longest: int = LONGEST_LINE, *, required: str = "") -> str:
        line = one_line(text) or ""  # what cannot be shown was left out when it was saved
        if len(line) > longest:
            self._refuse(
                name,
                InvalidError(
                    "draft.too_long",
                    "This has %(length)d characters; at most %(most)d are allowed.",
                    length=len(line),
                    most=longest,
                ),
            )
        if required and not line:
            self._refuse(name, InvalidError("draft.missing", required))
        return line

    def _section(self) -> str:
        section = self._line("section", self._entered.section, required="The section is missing.")
        if section and not is_name(section):
            self._refuse(
                "section",
                InvalidError(
                    "draft.section_name",
                    "A section’s name has at most %(most)d printable characters.",
                    most=LONGEST_NAME,
                ),
            )
        return section

    def _date(self, today: date) -> date:
        try:
            return date.fromisoformat(self._entered.date.strip())
        except ValueError:
            self._refuse("date", InvalidError("draft.no_date", "Enter the story’s date as year, month and day."))
            return today

    def _language(self) -> str:
        tag = canonical_tag(self._entered.language.strip())
        if tag is None:
            self._refuse("language", InvalidError("draft.language", "This is no language tag like “de” or “pt-BR”."))
        return tag or "en"

    def _hype(self, labels: Sequence[str]) -> str:
        if self._entered.hype in labels:
            return self._entered.hype
        self._refuse("hype", InvalidError("draft.no_hype", "Choose how much hype there is."))
        return labels[0]

    def _trust(self, parts: Sequence[RubricPart]) -> tuple[int, list[dict[str, Any]] | None]:
        entered = {part.key: self._entered.parts.get(part.key, "").strip() for part in parts}
        if not any(entered.values()):
            return self._score(), None
        points = {part.key: self._points_of_part(part, entered[part.key]) for part in parts}
        given = {key: number for key, number in points.items() if f"{PART}{key}" not in self.errors}
        return sum(given.values()), [{"key": key, "points": number} for key, number in given.items()]

    def _score(self) -> int:
        text = self._entered.trust.strip()
        if _NUMBER.fullmatch(text) and int(text) <= HIGHEST_SCORE:
            return int(text)
        self._refuse("trust", InvalidError("draft.no_trust", "Give the points of each part, or a score from 0 to 100."))
        return 0

    def _points_of_part(self, part: RubricPart, text: str) -> int:
        if _NUMBER.fullmatch(text) and int(text) <= part.most:
            return int(text)
        self._refuse(
            f"{PART}{part.key}", InvalidError("draft.part_points", "Give 0 to %(most)d points.", most=part.most)
        )
        return 0

    def _points(self) -> list[str]:
        lines = [
            self._line(f"point-{number}", text) for number, text in enumerate(self._entered.points, 1) if text.strip()
        ]
        return [line for line in lines if line]

    def _body(self) -> str:
        text = self._entered.body
        if len(text) > markdown.LONGEST:
            self._refuse(
                "body",
                InvalidError(
                    "draft.too_long",
                    "This has %(length)d characters; at most %(most)d are allowed.",
                    length=len(text),
                    most=markdown.LONGEST,
                ),
            )
        lines = [keep_direction(line) for line in text.split("\n")]
        if self._entered.markup == Markup.TEXT:
            return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in lines)).strip()
        return re.sub(r"\A(?:[ \t]*\n)+", "", "\n".join(lines)).rstrip()

    def _sources(self) -> list[Source]:
        entered = [source for source in self._entered.sources if not source.is_blank]
        if not entered:
            self._refuse(
                "sources", InvalidError("draft.no_sources", "No source is listed. A story needs one at least.")
            )
        return [
            self._source(number, source)
            for number, source in enumerate(self._entered.sources, 1)
            if not source.is_blank
        ]

    def _source(self, number: int, source: DraftSource) -> Source:
        name = f"source-{number}"
        title = self._line(name, source.title, required="The source’s title is missing.")
        url = source.url.strip()
        if url.lower().startswith("http://"):
            self._refuse(
                name,
                InvalidError(
                    "draft.http_source",
                    "This address begins with http. Readers would be warned by their browser; use https, or take the "
                    "address away.",
                ),
            )
        elif url and not (_ADDRESS.fullmatch(url) and len(url) <= LONGEST_LINE):
            self._refuse(
                name, InvalidError("draft.source_address", "This is no address like https://example.org/story.")
            )
            url = ""
        return Source(self._line(name, source.publisher), title, url, self._line(name, source.raw))

    def _source_count(self, listed: int) -> int:
        text = self._entered.source_count.strip()
        if not text:
            return listed
        if _NUMBER.fullmatch(text):
            return int(text)
        self._refuse(
            "source_count", InvalidError("draft.source_count", "Enter a number, or nothing for as many as are listed.")
        )
        return listed


def change_of(entered: DraftContent, zone: ZoneInfo, errors: dict[str, InvalidError]) -> Change:
    """The kind of a change and what is said of it; what is wrong is added to `errors`."""
    try:
        kind = RevisionKind(entered.kind)
    except ValueError:
        kind = RevisionKind.FIRST
    if kind not in (RevisionKind.SMALL, RevisionKind.UPDATE, RevisionKind.CORRECTION):
        errors["kind"] = InvalidError("draft.no_kind", "Choose what kind of change this is.")
        return Change()
    corrects = kind == RevisionKind.CORRECTION
    reported = _checked(errors, "reported_at", lambda: _moment(entered.reported_at, zone)) if corrects else None
    note = entered.note if kind != RevisionKind.SMALL else None
    change = Change(kind, note, corrects and entered.serious, reported)
    return _checked(errors, "note", change.checked) or Change()


def _checked(errors: dict[str, InvalidError], name: str, make: Callable[[], T]) -> T | None:
    try:
        return make()
    except InvalidError as error:
        errors["reported_at" if error.code == "revision.reported_later" else name] = error
        return None


def _moment(text: str, zone: ZoneInfo) -> datetime | None:
    if not text.strip():
        return None
    try:
        return datetime.fromisoformat(text.strip()).replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidError("draft.no_moment", "Enter a day and a time, or nothing.") from None
