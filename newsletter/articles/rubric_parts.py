"""The parts of a rubric: what a story earns points of trust for, in the words of each language."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

from newsletter.articles.models import TrustPart
from newsletter.articles.page_lines import one_line
from newsletter.core.errors import InvalidError
from newsletter.core.languages import ENGLISH, LANGUAGES

MOST_PARTS = 12
LONGEST_WORDS = 300
"""Characters of each text."""
HIGHEST_SCORE = 100
REQUIRED_LANGUAGES = (ENGLISH, "de")
"""A catalogue of a further language needs no words of the rubric: its readers see the English ones."""
_KEY = re.compile(r"[a-z][a-z0-9-]{0,39}")
_TEXTS = ("name", "question", "earns")


@dataclass(frozen=True)
class PartWords:
    """A part in one language."""

    name: str
    question: str
    """The question that editors put to a story."""
    earns: str
    """The stories that earn full marks, and those that earn few."""


@dataclass(frozen=True)
class RubricPart:
    """A part of a rubric."""

    key: str
    """Its name in the database: it outlives other words."""
    most: int
    """Points."""
    words: Mapping[str, PartWords]
    """By language; English is always there."""

    def in_language(self, code: str) -> PartWords:
        """The words in a language, or in English."""
        return self.words.get(code, self.words[ENGLISH])

    def to_json(self) -> dict[str, Any]:
        return {"key": self.key, "most": self.most, **{code: asdict(words) for code, words in self.words.items()}}


def read_parts(values: object) -> tuple[RubricPart, ...]:
    """The parts that a file gives: [{"key", "most", "en": {"name", "question", "earns"}, "de": {…}}, …].

    Raises InvalidError unless each part has a key, a name and points of its own, words in English and German, and all
    points together are 100.
    """
    if not isinstance(values, list) or not 1 <= len(values) <= MOST_PARTS:
        raise _invalid("The rubric is no list of 1 to %(most)d parts.", most=MOST_PARTS)
    parts = tuple(_read_part(value, number) for number, value in enumerate(values, 1))
    for code in (None, *LANGUAGES):
        names = [part.key if code is None else part.in_language(code).name.casefold() for part in parts]
        if len(set(names)) < len(names):
            raise _invalid("Two parts of the rubric have the same key or name.")
    if (points := sum(part.most for part in parts)) != HIGHEST_SCORE:
        raise _invalid("The points of all parts are %(points)d together, not 100.", points=points)
    return parts


def stored_parts(values: Sequence[Mapping[str, Any]]) -> tuple[RubricPart, ...]:
    """The parts as `RubricPart.to_json` wrote them."""
    return tuple(
        RubricPart(
            value["key"],
            value["most"],
            {code: PartWords(**words) for code, words in value.items() if code not in ("key", "most")},
        )
        for value in values
    )


@cache
def shipped_rubric() -> tuple[date, tuple[RubricPart, ...]]:
    """The rubric of rubric.json, which counts until editors set another: since when, and its parts."""
    text = resources.files("newsletter.articles").joinpath("rubric.json").read_text("utf-8")
    values = json.loads(text)
    return date.fromisoformat(values["effective_from"]), read_parts(values["parts"])


def part_named(parts: Sequence[RubricPart], name: str) -> RubricPart | None:
    """The part with this name in one of its languages, whatever its case."""
    folded = " ".join(name.split()).casefold()
    return next((part for part in parts if folded in {words.name.casefold() for words in part.words.values()}), None)


def check_points(parts: Sequence[RubricPart], given: Sequence[TrustPart], score: int) -> None:
    """Raise InvalidError unless the points fit their parts, and sum to the score."""
    most = {part.key: part.most for part in parts}
    for each in given:
        if each.key not in most:
            raise InvalidError("trust.unknown_part", "The rubric has no part “%(part)s”.", part=each.key)
        if not 0 <= each.points <= most[each.key]:
            raise InvalidError(
                "trust.part_points",
                "“%(part)s” has %(points)d points, but it can have 0 to %(most)d.",
                part=each.key,
                points=each.points,
                most=most[each.key],
            )
    if len({each.key for each in given}) < len(given):
        raise InvalidError("trust.part_repeated", "A part of the score is given more than once.")
    if given and (points := sum(each.points for each in given)) != score:
        raise InvalidError(
            "trust.wrong_sum",
            "The parts of the score sum to %(points)d, but the score is %(score)d.",
            points=points,
            score=score,
        )


def _read_part(value: object, number: int) -> RubricPart:
    if not isinstance(value, dict) or set(value) - {"key", "most", *LANGUAGES}:
        raise _invalid("Part %(part)d has other fields than key, most and languages.", part=number)
    key, most = value.get("key"), value.get("most")
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise _invalid("Part %(part)d has no key of small letters, digits and hyphens.", part=number)
    if not isinstance(most, int) or isinstance(most, bool) or not 1 <= most <= HIGHEST_SCORE:
        raise _invalid("Part %(part)d has no whole number from 1 to 100 as “most”.", part=number)
    codes = [code for code in LANGUAGES if code in value or code in REQUIRED_LANGUAGES]
    return RubricPart(key, most, {code: _read_words(value.get(code), number, code) for code in codes})


def _read_words(value: object, number: int, code: str) -> PartWords:
    words: dict[str, str] = {}
    for name in _TEXTS:
        text = value.get(name) if isinstance(value, dict) else None
        line = one_line(text) if isinstance(text, str) else None
        if not line or len(line) > LONGEST_WORDS:
            raise _invalid(
                "Part %(part)d needs “%(name)s” in the language “%(language)s”, of at most %(most)d characters.",
                part=number,
                name=name,
                language=code,
                most=LONGEST_WORDS,
            )
        words[name] = line
    return PartWords(**words)


def _invalid(message: str, /, **values: object) -> InvalidError:
    return InvalidError("rubric.invalid", message, **values)
