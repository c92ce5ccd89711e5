"""Times as people type them: always with their zone, and meaning one moment."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

import click

from newsletter.core.local_times import moments_of, offset_name, zone_of

_EXAMPLE = 'like "2026-12-01 07:00 Europe/Berlin" or 2026-12-01T07:00+01:00'

Occurrence = Literal["first", "second"]
"""One of the two moments of a local time that comes twice, when clocks are set back."""


class ZonedTime(click.ParamType[datetime]):
    """An aware datetime: ISO 8601 with an offset or Z, or a local time followed by the name of a zone.

    A local time that the zone skips is refused. One that comes twice is left to `choose_occurrence`.
    """

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        text = str(value).strip()
        match = re.fullmatch(r"(\S+(?: \d\S*)?) ([A-Za-z][\w+/-]*)", text)
        local, zone = match.groups() if match else (text, None)
        try:
            moment = datetime.fromisoformat(local)
        except ValueError:
            self.fail(f"{text!r} is not a time; write it {_EXAMPLE}.", param, ctx)
        if zone:
            if moment.tzinfo is not None:
                self.fail(f"{text!r} has two zones.", param, ctx)
            moment = moment.replace(tzinfo=self._zone(zone, param, ctx))
        if moment.tzinfo is None:
            self.fail(f"{text!r} has no zone; write it {_EXAMPLE}.", param, ctx)
        try:
            exists = bool(moments_of(moment))
        except OverflowError:
            self.fail(f"{text!r} is before the first year or after the last that can be stored.", param, ctx)
        if not exists:
            self.fail(f"{text!r} does not exist: {_skipped(moment)}. Give another time.", param, ctx)
        return moment

    def _zone(self, name: str, param: click.Parameter | None, ctx: click.Context | None) -> ZoneInfo:
        found = zone_of(name)
        if found is None:
            self.fail(f"no zone is called {name!r} (try Europe/Berlin).", param, ctx)
        return found


def choose_occurrence(moment: datetime, occurrence: Occurrence | None) -> datetime:
    """The moment that is meant when a local time comes twice; any other time as it is.

    Raises click.UsageError when it comes twice and nobody said which is meant.
    """
    found = moments_of(moment)
    if len(found) == 1:
        return moment
    first, second = found
    if occurrence is None:
        raise click.UsageError(
            f"{moment:%Y-%m-%d %H:%M} comes twice there, since clocks are set back: {offset_name(first)} and"
            f" {offset_name(second)}. Say --first or --second, or give another time."
        )
    return first if occurrence == "first" else second


def _skipped(moment: datetime) -> str:
    """The change that skips the time, in words: the zone's names and offsets before and after it."""
    before, after = moment.replace(fold=0), moment.replace(fold=1)
    return f"clocks are set forward then, from {offset_name(before)} to {offset_name(after)}"
