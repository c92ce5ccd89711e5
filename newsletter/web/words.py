"""How pages say things: dates, counts, scores, choices."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from babel import Locale
from flask import Flask

from newsletter.core import clock
from newsletter.core.runtime import runtime
from newsletter.subscribers.addresses import mask
from newsletter.subscribers.choices import Choices
from newsletter.subscribers.models import Format


class Grade(NamedTuple):
    """A word for a score and the tint that goes with it: good, care or bad. The tint never speaks alone."""

    word: str
    tint: str


def install(app: Flask) -> None:
    """What every template may use."""
    app.jinja_env.filters.update(day=day, mask=mask, sources=sources, trust_grade=trust_grade, hype_tint=hype_tint)
    app.jinja_env.filters.update(in_words=in_words, one_by_one=one_by_one, moment=moment, parsed=datetime.fromisoformat)
    app.context_processor(_everywhere)


def day(value: date | datetime) -> str:
    """ "2 May 2026", in the publication's zone."""
    if isinstance(value, datetime):
        value = value.astimezone(runtime().settings.timezone)
    return f"{value.day} {value:%B %Y}"


def sources(count: int) -> str:
    """ "1 source", "3 sources"."""
    return f"{count:,} source{'' if count == 1 else 's'}"


def trust_grade(score: int) -> Grade:
    """What a trust score of 0 to 100 means in a word."""
    return Grade("high", "good") if score >= 80 else Grade("fair", "care") if score >= 60 else Grade("low", "bad")


def hype_tint(label: str) -> str:
    """The tint for a hype label: its place among the labels, from good to bad."""
    labels = runtime().settings.hype_labels
    place = labels.index(label) if label in labels else len(labels) // 2
    return ("good", "care", "bad")[0 if place < len(labels) / 2 else 2 if place == len(labels) - 1 else 1]


def moment(value: datetime, zone: str | None = None) -> str:
    """ "2 May 2026 at 07:00 (Europe/Berlin)", in that zone or else the publication's."""
    where = ZoneInfo(zone) if zone else runtime().settings.timezone
    local = value.astimezone(where)
    return f"{day(local.date())} at {local:%H:%M} ({where.key})"


def in_words(choices: Choices) -> str:
    """What choices mean: "the weekly letter, with stories from Policy and Research that …"."""
    stories = "stories from all sections" if choices.sections is None else f"stories from {_listed(choices.sections)}"
    extras = [
        f"at {choices.hour:02}:00 ({choices.zone})" if choices.hour is not None else "",
        "as plain text" if choices.format == Format.TEXT else "",
        f"with dates, links and notes in {_language(choices)}" if choices.language != Choices.language else "",
    ]
    parts = [
        f"the {choices.cadence} letter{' and breaking news' if choices.breaking else ''}",
        f"with {stories}{_fit(choices)}",
        *filter(None, extras),
    ]
    return ", ".join(parts)


def one_by_one(choices: Choices) -> dict[str, str]:
    """Each choice by its name on the page of preferences, with what it means where nothing is chosen."""
    return {
        "How often": choices.cadence,
        "Breaking news": "yes" if choices.breaking else "no",
        "Sections": "all" if choices.sections is None else ", ".join(choices.sections),
        "Lowest trust score": str(choices.min_trust or "any"),
        "Highest hype": choices.max_hype or "any",
        "Hour": "as soon as it is out" if choices.hour is None else f"{choices.hour:02}:00",
        "Time zone": choices.zone or "not chosen",
        "How mails look": "plain text" if choices.format == Format.TEXT else "with headings and colours",
        "Language around the stories": _language(choices),
    }


def _language(choices: Choices) -> str:
    return Locale.parse(choices.language).english_name or choices.language


def _fit(choices: Choices) -> str:
    conditions = []
    if choices.min_trust:
        conditions.append(f"have a trust score of {choices.min_trust} or more")
    if choices.max_hype:
        conditions.append(f"are labelled “{choices.max_hype}” at most")
    return f" that {' and '.join(conditions)}" if conditions else ""


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _everywhere() -> dict[str, object]:
    settings = runtime().settings
    return {
        "publication": settings.publication_name,
        "kofi_page": settings.kofi_page,
        "contact": settings.mail_reply_to or settings.mail_from,
        "year": clock.now().astimezone(settings.timezone).year,
    }
