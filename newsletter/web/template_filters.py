"""How pages say things: dates, counts, scores, preferences."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from babel import Locale
from flask import Flask

from newsletter.articles import grades
from newsletter.core import clock
from newsletter.core.runtime import runtime
from newsletter.mail.formats import Format
from newsletter.subscribers.addresses import mask
from newsletter.subscribers.preferences import Preferences


def install(app: Flask) -> None:
    """What every template may use."""
    app.jinja_env.filters.update(
        day=day, mask=mask, sources=sources, trust_grade=grades.trust_grade, hype_tint=hype_tint
    )
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


def hype_tint(label: str) -> str:
    """The tint of a hype label among those in use."""
    return grades.hype_tint(label, runtime().settings.hype_labels)


def moment(value: datetime, zone: str | None = None) -> str:
    """ "2 May 2026 at 07:00 (Europe/Berlin)", in that zone or else the publication's."""
    where = ZoneInfo(zone) if zone else runtime().settings.timezone
    local = value.astimezone(where)
    return f"{day(local.date())} at {local:%H:%M} ({where.key})"


def in_words(preferences: Preferences) -> str:
    """What preferences mean: "the weekly letter, with stories from Policy and Research that …"."""
    stories = (
        "stories from all sections" if preferences.sections is None else f"stories from {_listed(preferences.sections)}"
    )
    extras = [
        f"at {preferences.hour:02}:00 ({preferences.zone})" if preferences.hour is not None else "",
        "as plain text" if preferences.format == Format.TEXT else "",
        f"with dates, links and notes in {_language(preferences)}"
        if preferences.language != Preferences.language
        else "",
    ]
    parts = [
        f"the {preferences.cadence} letter{' and breaking news' if preferences.breaking else ''}",
        f"with {stories}{_fit(preferences)}",
        *filter(None, extras),
    ]
    return ", ".join(parts)


def one_by_one(preferences: Preferences) -> dict[str, str]:
    """Each choice by its name on the page of preferences, with what it means where nothing is chosen."""
    return {
        "How often": preferences.cadence,
        "Breaking news": "yes" if preferences.breaking else "no",
        "Sections": "all" if preferences.sections is None else ", ".join(preferences.sections),
        "Lowest trust score": str(preferences.min_trust or "any"),
        "Highest hype": preferences.max_hype or "any",
        "Hour": "as soon as it is out" if preferences.hour is None else f"{preferences.hour:02}:00",
        "Time zone": preferences.zone or "not chosen",
        "How mails look": "plain text" if preferences.format == Format.TEXT else "with headings and colours",
        "Language around the stories": _language(preferences),
    }


def _language(preferences: Preferences) -> str:
    return Locale.parse(preferences.language).english_name or preferences.language


def _fit(preferences: Preferences) -> str:
    conditions = []
    if preferences.min_trust:
        conditions.append(f"have a trust score of {preferences.min_trust} or more")
    if preferences.max_hype:
        conditions.append(f"are labelled “{preferences.max_hype}” at most")
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
