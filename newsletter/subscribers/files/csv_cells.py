"""How values stand in the cells of a CSV file, both ways: what is written is read back as it was."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from newsletter.core.errors import InvalidError

_FORMULA = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")
"""A spreadsheet would run a cell that begins with one of these (owasp.org/www-community/attacks/CSV_Injection)."""


def escape(text: str) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe stands before one that would begin like it."""
    return "'" + text if _FORMULA.match(text) else text


def unescape(text: str) -> str:
    """What `escape` was given; other texts stay as they are."""
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
    """The value that a cell holds for the choice `name`. Raises InvalidError."""
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
        raise InvalidError("Choose sections from the list.") from error
    return tuple(unescape(name.strip()) for name in names)


def _join(names: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line, delimiter=";", lineterminator="").writerow([escape(name) for name in names])
    return line.getvalue()


def _trust(cell: str) -> int:
    return _number(cell, "The lowest trust score is a number from 0 to 100.")


def _hour(cell: str) -> int:
    return _number(cell, "The hour is a number from 0 to 23.")


def _number(cell: str, otherwise: str) -> int:
    if not (cell.isascii() and cell.isdigit() and len(cell) <= 3):
        raise InvalidError(otherwise)
    return int(cell)


def _yes(cell: str) -> bool:
    if cell.lower() not in _YES_OR_NO:
        raise InvalidError("Whether breaking news comes out of turn is yes or no.")
    return _YES_OR_NO[cell.lower()]


_YES_OR_NO = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
_READ: dict[str, Callable[[str], Any]] = {
    "cadence": _word,
    "sections": _names,
    "min_trust": _trust,
    "breaking": _yes,
    "hour": _hour,
    "format": _word,
    "language": _word,
}
