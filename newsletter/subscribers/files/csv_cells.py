"""Values in the cells of a CSV file: each is read back as it was written."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from newsletter.core.errors import InvalidError
from newsletter.core.languages import LANGUAGES
from newsletter.subscribers import preferences

_FORMULA = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")
"""A spreadsheet would run a cell that begins with one of these (owasp.org/www-community/attacks/CSV_Injection)."""


def escape(text: str) -> str:
    """The text as a cell that no spreadsheet takes for a formula: one that would begin like it gets an apostrophe."""
    return "'" + text if _FORMULA.match(text) else text


def unescape(text: str) -> str:
    """The text that `escape` was given; other texts stay as they are."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def write_cell(value: Any) -> str:
    """The cell of a column of a subscriber. None is an empty cell, lists are separated by semicolons."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return _join(value)
    return escape(value.isoformat() if isinstance(value, datetime) else str(value))


def read_cell(name: str, cell: str) -> Any:
    """The value of the preference `name` in a cell. Raises InvalidError."""
    return _READ.get(name, _text)(cell)


def _text(cell: str) -> str:
    return unescape(cell)


def _word(cell: str) -> str:
    return unescape(cell).lower()


def _names(cell: str) -> tuple[str, ...]:
    """Names separated by semicolons; one that holds a semicolon is in quotation marks."""
    try:
        names = next(csv.reader([cell], delimiter=";", skipinitialspace=True), [])
    except csv.Error as error:
        raise InvalidError("preferences.sections", preferences.SECTIONS) from error
    return tuple(unescape(name.strip()) for name in names)


def _join(names: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line, delimiter=";", lineterminator="").writerow([escape(name) for name in names])
    return line.getvalue()


def _language(cell: str) -> str:
    """A language by its tag; of "de-DE" the part that names the language counts, where no more is known here."""
    tag = _word(cell)
    return tag if tag in LANGUAGES else tag.replace("_", "-").partition("-")[0]


def _trust(cell: str) -> int:
    return _number(cell, InvalidError("preferences.min_trust", preferences.MIN_TRUST))


def _hour(cell: str) -> int:
    return _number(cell, InvalidError("preferences.hour", preferences.HOUR))


def _number(cell: str, error: InvalidError) -> int:
    if not (cell.isascii() and cell.isdigit() and len(cell) <= 3):
        raise error
    return int(cell)


def _yes(cell: str) -> bool:
    if cell.lower() not in _YES_OR_NO:
        raise InvalidError("preferences.breaking", "Whether breaking news is sent as it happens is yes or no.")
    return _YES_OR_NO[cell.lower()]


_YES_OR_NO = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
_READ: dict[str, Callable[[str], Any]] = {
    "cadence": _word,
    "sections": _names,
    "min_trust": _trust,
    "breaking": _yes,
    "hour": _hour,
    "format": _word,
    "language": _language,
}
