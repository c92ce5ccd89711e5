"""The languages of pages and mails: English, which code and templates are written in, and one for each catalogue in
`locales`.

The words around the stories are translated; stories, subjects and introductions stay as they were written. The
catalogues are read as they are (.po), so nothing has to be compiled.
"""

from __future__ import annotations

import gettext
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.dates import format_date, format_skeleton, format_time, format_timedelta
from babel.lists import format_list
from babel.numbers import format_currency, format_decimal, get_currency_name
from babel.units import format_unit

from newsletter.core.errors import NewsletterError

LOCALES = Path(__file__).parents[1] / "locales"
"""<language>/LC_MESSAGES/messages.po"""

ENGLISH = "en"
PUBLICATION_LANGUAGE = ENGLISH
"""The language of stories, subjects and introductions."""

_LETTER_BEFORE_DIGIT = re.compile(r"(?<=[A-Za-z])(?=\d)")
"""In amounts: CLDR wants a space between a code and its number ("BHD 3"), which Babel leaves out."""

_OWN_NAMES = {ENGLISH: "English", "de": "Deutsch"}
"""As CLDR has them (a test compares). Every page shows them, and for them alone Babel would load all that it knows of
each language: 30 ms of a process's first page, and 7 MB."""

_FORMATS = {ENGLISH: "en_GB"}
"""The locale of dates and numbers, where it is not the language's own: "2 May 2026"."""


def gettext_noop(text: str) -> str:
    """`text` itself; `make words` finds it here, and `Language.gettext` translates it later."""
    return text


@dataclass(frozen=True)
class Language:
    """Words, dates and numbers of a language."""

    code: str
    translations: gettext.NullTranslations

    @property
    def direction(self) -> str:
        """ "ltr" or "rtl", for the attribute `dir`: as the language's own name is written."""
        return "rtl" if unicodedata.bidirectional(_own_name(self.code)[0]) in ("R", "AL") else "ltr"

    def gettext(self, text: str) -> str:
        """`text` in this language; as it is where no catalogue has it."""
        return self.translations.gettext(text) if text else ""

    def counted(self, one: str, many: str, number: int) -> str:
        """The form of the words that goes with `number`, put in at %(number)s: "1 source", "3 sources"."""
        return self.translations.ngettext(one, many, number) % {"number": self.number(number)}

    def error_message(self, error: NewsletterError) -> str:
        """The message of an error, translated and filled in."""
        return self.gettext(error.message) % error.values

    def day(self, day: date) -> str:
        """Like "2 May 2026"."""
        return _written_day(day.toordinal(), "long", self._formats)

    def day_with_weekday(self, day: date) -> str:
        """Like "Thursday, 7 May 2026"."""
        return _written_day(day.toordinal(), "full", self._formats)

    def month(self, day: date) -> str:
        """The month of a day: "May 2026"."""
        return format_skeleton("yMMMM", day, locale=self._formats)

    def time(self, time: time) -> str:
        """Like "07:00"."""
        return format_time(time, "short", locale=self._formats)

    def from_now(self, duration: timedelta) -> str:
        """In its largest unit, minutes at least: "in 1 minute", "in 2 hours"."""
        return format_timedelta(duration, granularity="minute", add_direction=True, locale=self._formats)

    def month_in_table(self, month: date) -> str:
        """Like "May 2026", the month shortened where it is long."""
        return format_skeleton("yMMM", month, locale=self._formats)

    def day_of_year(self, day: date) -> str:
        """Like "6 May"."""
        return _written_day(day.toordinal(), "MMMMd", self._formats)

    def short_month(self, month: date) -> str:
        """Like "May"."""
        return format_date(month, "LLL", locale=self._formats)

    def money(self, amount: Decimal, currency: str) -> str:
        """Like "€412" or "€412.50": whole amounts without zeros at their end."""
        pattern = Locale.parse(self._formats).currency_formats["standard"].pattern
        if amount == amount.to_integral_value():
            pattern = pattern.replace(".00", "")
            written = format_currency(amount, currency, pattern, locale=self._formats, currency_digits=False)
        else:
            written = format_currency(amount, currency, locale=self._formats)
        return _LETTER_BEFORE_DIGIT.sub("\u00a0", written)

    def currency_name(self, currency: str) -> str:
        """Like "euros"."""
        return get_currency_name(currency, 2, locale=self._formats)

    def decimal(self, number: float, digits: int) -> str:
        """With this number of digits after its point: "0.13"."""
        return format_decimal(number, f"#,##0.{'0' * digits}", locale=self._formats)

    def lasting(self, duration: timedelta) -> str:
        """In whole years, days or hours, whichever is exact: "4 years", "14 days", "1 hour"."""
        days, rest = divmod(duration, timedelta(days=1))
        if rest:
            number, unit = duration // timedelta(hours=1), "hour"
        elif days and days % 365 == 0:
            number, unit = days // 365, "year"
        else:
            number, unit = days, "day"
        return self._unit(number, unit)

    def duration(self, duration: timedelta, *, in_days: bool = False) -> str:
        """In one unit, rounded down: "41 minutes", "3 hours", "10 days"; with `in_days` never in a smaller one."""
        minutes = max(0, int(duration.total_seconds() // 60))
        if in_days or minutes >= 2 * 24 * 60:
            return self._unit(minutes // (24 * 60), "day")
        return self._unit(minutes // 60, "hour") if minutes >= 2 * 60 else self._unit(minutes, "minute")

    def number(self, number: int) -> str:
        """Grouped: "12,345"."""
        return _written_number(number, self._formats)

    def enumeration(self, names: Sequence[str]) -> str:
        """Like "Policy, Research and Law"."""
        return format_list(names, locale=self._formats)

    def name_of(self, code: str) -> str:
        """The name of another language in this one: "German"."""
        return Locale.parse(code).get_display_name(self.code) or code

    def city(self, zone: str) -> str | None:
        """The place of an IANA time zone, where this language has its own word for it: "Wien" for Europe/Vienna."""
        found: str | None = Locale.parse(self.code).time_zones.get(zone, {}).get("city")
        return found

    def _unit(self, number: int, unit: str) -> str:
        return format_unit(number, f"duration-{unit}", locale=self._formats)

    @property
    def _formats(self) -> str:
        return _FORMATS.get(self.code, self.code)


def duration_in_units(duration: timedelta) -> str:
    """Rounded to minutes, in the symbols that all languages share (SI): "41 min", "2 h 10 min", "3 d 4 h"."""
    minutes = round(duration.total_seconds() / 60)
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [(days, "d"), (hours, "h")] if days else [(hours, "h"), (rest, "min")]
    shown = [part for part in parts if part[0]] or [(0, "min")]
    return " ".join(f"{count}\u00a0{unit}" for count, unit in shown)


@cache
def language_of(code: str) -> Language:
    """The language of that code; English where there is no such catalogue (any more)."""
    path = LOCALES / code / "LC_MESSAGES" / "messages.po"
    if code not in LANGUAGES or code == ENGLISH:
        return Language(ENGLISH, gettext.NullTranslations())
    from babel.messages.mofile import write_mo  # here: an idle service speaks English alone
    from babel.messages.pofile import read_po

    compiled = BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file, locale=code))
    compiled.seek(0)
    return Language(code, gettext.GNUTranslations(compiled))


@lru_cache(maxsize=5000)
def _written_day(ordinal: int, style: str, locale: str) -> str:
    """A day in one of CLDR's lengths, or by the fields of a skeleton. Cached: Babel takes 10 µs for one,
    and pages show the same days again and again."""
    day = date.fromordinal(ordinal)
    is_length = style in ("long", "full")
    return format_date(day, style, locale=locale) if is_length else format_skeleton(style, day, locale=locale)


@lru_cache(maxsize=5000)
def _written_number(number: int, locale: str) -> str:
    return format_decimal(number, locale=locale)


@cache
def _own_name(code: str) -> str:
    return _OWN_NAMES.get(code) or Locale.parse(code).get_language_name(code) or code


def _codes() -> list[str]:
    return [ENGLISH, *sorted(path.parents[1].name for path in LOCALES.glob("*/LC_MESSAGES/messages.po"))]


LANGUAGES = {code: _own_name(code) for code in _codes()}
"""Each code and the language's own name: {"en": "English", "de": "Deutsch"}."""
