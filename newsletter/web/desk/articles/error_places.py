"""Errors of the editor's form, with their fields, in the order of the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from newsletter.articles.drafts.checking import PART
from newsletter.core.errors import NewsletterError
from newsletter.core.languages import gettext_noop

FIELD_NAMES = {
    "title": gettext_noop("Headline"),
    "dek": gettext_noop("Dek"),
    "section": gettext_noop("Section"),
    "date": gettext_noop("Date"),
    "hype": gettext_noop("Hype"),
    "point": gettext_noop("TL;DR"),
    "points": gettext_noop("TL;DR"),
    "body": gettext_noop("Story"),
    "source": gettext_noop("Sources"),
    "sources": gettext_noop("Sources"),
    "source_count": gettext_noop("Number of sources"),
    "written_by": gettext_noop("Written by"),
    "checked_by": gettext_noop("Checked by"),
    "ai_use": gettext_noop("AI used for"),
    "language": gettext_noop("Language"),
    "markup": gettext_noop("Written as"),
    "part": gettext_noop("Points of trust"),
    "parts": gettext_noop("Points of trust"),
    "trust": gettext_noop("Score without parts"),
    "kind": gettext_noop("Kind of change"),
    "note": gettext_noop("Sentence for readers"),
    "serious": gettext_noop("Serious"),
    "reported_at": gettext_noop("Reported"),
    "withdrawal": gettext_noop("Withdraw the story"),
}
"""The names of fields in the order of the page; "point", "source" and "part" are those of a row."""


class ErrorPlace(NamedTuple):
    """An error and the field that it is about; for one about no field, name and label are empty."""

    name: str
    label: str
    error: NewsletterError


def error_places(errors: Mapping[str, NewsletterError], part_names: Mapping[str, str]) -> list[ErrorPlace]:
    """The errors in the order of the page. `part_names` are those of the rubric's parts, by their keys."""
    order = list(FIELD_NAMES)
    found = []
    for name, error in errors.items():
        kind = name.partition("-")[0]
        if kind in FIELD_NAMES:
            label = part_names.get(name.removeprefix(PART), FIELD_NAMES[kind])
            found.append((order.index(kind), ErrorPlace(name, label, error)))
        else:
            found.append((len(order), ErrorPlace("", "", error)))
    return [place for _, place in sorted(found, key=lambda each: each[0])]
