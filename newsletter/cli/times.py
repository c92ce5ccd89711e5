"""Times as people type them: always with their zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import click

_EXAMPLE = 'like "2026-12-01 07:00 Europe/Berlin" or 2026-12-01T07:00+01:00'


class ZonedTime(click.ParamType[datetime]):
    """An aware datetime: ISO 8601 with an offset or Z, or a local time followed by the name of a zone."""

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
            moment.astimezone(UTC)
        except OverflowError:
            self.fail(f"{text!r} is before the first year or after the last that can be stored.", param, ctx)
        return moment

    def _zone(self, name: str, param: click.Parameter | None, ctx: click.Context | None) -> ZoneInfo:
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            self.fail(f"no zone is called {name!r} (try Europe/Berlin).", param, ctx)
