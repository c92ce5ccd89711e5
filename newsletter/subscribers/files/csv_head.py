"""The first row of a CSV file of readers: its separator, and which columns are understood, ignored or an error."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import chain

from newsletter.core.errors import InvalidError
from newsletter.core.name_rules import REPLACEMENT
from newsletter.subscribers.files.csv_lines import CsvLines, other_encoding
from newsletter.subscribers.files.known_columns import (
    ADDRESS_NAMES,
    FILES_OF_UNSUBSCRIBED,
    OWN_COLUMNS,
    STANDING_COLUMNS,
    StandingColumn,
    near_miss,
    plain_name,
    seems_standing,
)

LONGEST_HEAD = 64_000
"""Characters of the first line at most; a file with a longer one is no CSV file."""
SEPARATORS = ",;\t|"
REASON = "reason"
"""The column that the result file adds, which is passed over where it is imported."""

NO_HEAD = "This must be a CSV file in UTF-8 whose first row names the columns, one of them email."
_SEP_LINE = re.compile(r'"?sep=([^"])"?\s*', re.I)
"""Excel's own line, which names the separator."""
_INVISIBLE = ("Cc", "Cf", "Zl", "Zp", "Zs")


@dataclass(frozen=True)
class CsvHead:
    """The columns of a file by their indexes in a row."""

    names: tuple[str, ...]
    """As the file has them."""
    separator: str
    row: int
    """The number of the first row, which is 2 below a `sep=` line."""
    address: int
    own: dict[str, int]
    """Preferences and `confirmed_at`."""
    standings: tuple[tuple[int, StandingColumn], ...]
    ignored: tuple[str, ...]
    of_unsubscribed: str | None
    """The column by which this is a file of people who unsubscribed elsewhere."""


def visible(text: str) -> str:
    """The text without the characters at its ends that nobody sees: spaces, zero-width ones, marks of direction."""
    text = text.strip()
    if text.isascii():
        return text
    shown = [index for index, character in enumerate(text) if unicodedata.category(character) not in _INVISIBLE]
    return text[shown[0] : shown[-1] + 1] if shown else ""


def read_head(lines: CsvLines, ignore: Collection[str] = ()) -> CsvHead:
    """Read the first row, and leave `lines` at the second; `ignore` names columns to pass over.

    Raises InvalidError for a file without addresses, a column that is there twice, one that may say who unsubscribed
    and is not known, and one whose name is nearly that of a column of ours.
    """
    names, separator, row = _names(lines)
    plain = {index: plain_name(visible(name)) for index, name in enumerate(names)}
    for name in ignore:
        found = [index for index, other in plain.items() if other == plain_name(name)]
        if not found:
            raise InvalidError("import.no_such_column", "The file has no column “%(column)s”.", column=name)
        for index in found:
            del plain[index]
    address = _address(plain)
    own = {visible(names[index]).lower(): index for index in plain if visible(names[index]).lower() in OWN_COLUMNS}
    standings = tuple(
        (index, STANDING_COLUMNS[name])
        for index, name in plain.items()
        if name in STANDING_COLUMNS and index != address
    )
    used = {address, *own.values(), *(index for index, _ in standings)}
    _refuse_repeated([plain[index] for index in plain if index in used or visible(names[index]).lower() in own])
    for index, name in plain.items():
        if index not in used:
            _refuse_misleading(visible(names[index]), name)
    ignored = tuple(visible(name) for index, name in enumerate(names) if index not in used and _is_shown(name))
    of_unsubscribed = next((names[index] for index, name in plain.items() if name in FILES_OF_UNSUBSCRIBED), None)
    return CsvHead(names, separator, row, address, own, standings, ignored, of_unsubscribed)


def _is_shown(name: str) -> bool:
    return visible(name).lower() not in ("", REASON)


def _names(lines: CsvLines) -> tuple[tuple[str, ...], str, int]:
    """The names of the columns, the separator that makes most of them known, and the number of their row."""
    row, separators = 1, SEPARATORS
    start = lines.start
    if sep_line := _SEP_LINE.fullmatch(_first_line(lines)):
        # An export that was saved anew keeps the line, and not always the separator.
        row, separators, start = 2, sep_line[1] + SEPARATORS, lines.position
    found: list[tuple[int, tuple[str, ...], str, int]] = []
    text = ""
    for separator in separators:
        lines.seek(start)
        text = _first_line(lines)
        if not text or len(text) > LONGEST_HEAD:
            break
        try:
            names = tuple(next(_rows(text, lines, separator), []))
        except csv.Error:
            continue
        if known := sum(_is_known(plain_name(visible(name))) for name in names):
            found.append((known, names, separator, lines.position))
    if not found:
        raise other_encoding() if {"\0", REPLACEMENT} & set(text) else InvalidError("import.no_columns", NO_HEAD)
    _, names, separator, position = max(found, key=lambda each: each[0])
    lines.seek(position)
    return names, separator, row


def _first_line(lines: CsvLines) -> str:
    try:
        return next(lines, "")
    except csv.Error:
        return ""


def _rows(first: str, lines: CsvLines, separator: str) -> Iterator[list[str]]:
    return csv.reader(chain([first], lines), delimiter=separator)


def _is_known(name: str) -> bool:
    return any(name in names for names in ADDRESS_NAMES)


def _address(plain: dict[int, str]) -> int:
    found = next(
        filter(None, ([index for index, name in plain.items() if name in names] for names in ADDRESS_NAMES)), None
    )
    if found is None:
        raise InvalidError("import.no_columns", NO_HEAD)
    if len(found) > 1:
        raise _repeated(plain[found[0]])
    return found[0]


def _refuse_repeated(names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise _repeated(name)


def _repeated(name: str) -> InvalidError:
    return InvalidError("import.column_twice", "The first row names the column %(column)s twice.", column=name)


def _refuse_misleading(shown: str, name: str) -> None:
    if meant := near_miss(name):
        raise InvalidError(
            "import.near_miss", "The column “%(column)s” is not known: is %(meant)s meant?", column=shown, meant=meant
        )
    if seems_standing(name):
        raise InvalidError(
            "import.unknown_standing",
            "The column “%(column)s” may say who unsubscribed or bounced, and is not understood.",
            column=shown,
        )
