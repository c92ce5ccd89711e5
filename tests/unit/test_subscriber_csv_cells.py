"""Cells: nothing that a spreadsheet runs, and what is written is read back."""

from __future__ import annotations

import csv
import io
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.cadence import READER_CADENCES
from newsletter.core.config import HYPE_LABELS
from newsletter.core.errors import InvalidError
from newsletter.core.languages import LANGUAGES
from newsletter.mail.formats import Format
from newsletter.subscribers import preferences
from newsletter.subscribers.files import csv_cells, csv_file
from newsletter.subscribers.files.csv_export import COLUMNS
from newsletter.subscribers.files.imported_readers import ImportedReader
from newsletter.subscribers.preferences import KnownNames, Preferences

KNOWN = KnownNames(None, HYPE_LABELS)
DANGEROUS = "=+-@\t\r\n＝＋－＠"
NAMES = st.text(st.sampled_from("abZ=+-@',;\"|%é世 "), min_size=1, max_size=12).filter(
    lambda name: name.strip() == name
)
PREFERENCES = st.builds(
    lambda hour, **others: Preferences(hour=hour, zone=None if hour is None else "Europe/Berlin", **others),
    cadence=st.sampled_from(READER_CADENCES),
    sections=st.none() | st.lists(NAMES, min_size=1, max_size=4).map(tuple),
    min_trust=st.integers(0, 100),
    max_hype=st.none() | NAMES,
    breaking=st.booleans(),
    hour=st.none() | st.integers(0, 23),
    format=st.sampled_from(Format),
    language=st.sampled_from(sorted(LANGUAGES)),
)
ADDRESSES = st.from_regex(r"[=+'a-z-][=+'a-zA-Z0-9-]{0,9}@[a-z]{1,9}\.example", fullmatch=True)
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2026, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - as it wants


@given(st.text() | st.text(st.sampled_from("'=+-@a\t")))
def test_what_is_escaped_is_harmless_and_comes_back(text: str) -> None:
    cell = csv_cells.escape(text)
    assert not cell.startswith(tuple(DANGEROUS))
    assert csv_cells.unescape(cell) == text


@pytest.mark.parametrize("text", ["'", "'twas", "ada@example.org", "", "'ada@example.org"])
def test_what_is_harmless_stays_as_it_is(text: str) -> None:
    assert csv_cells.escape(text) == csv_cells.unescape(text) == text


@given(PREFERENCES)
def test_each_preference_is_in_the_columns(chosen: Preferences) -> None:
    assert set(chosen.columns()) == set(preferences.PREFERENCE_COLUMNS) <= set(COLUMNS)


@given(ADDRESSES, PREFERENCES, MOMENTS, st.sampled_from([",", ";", "\t"]))
def test_a_reader_who_is_written_is_read_back(
    address: str, chosen: Preferences, moment: datetime, delimiter: str
) -> None:
    reader = ImportedReader(address, chosen, moment)
    values = {"email": reader.address, "status": "active", **chosen.columns(), "confirmed_at": moment}
    row = [csv_cells.write_cell(values[name]) for name in COLUMNS]
    assert not [cell for cell in row if cell.startswith(tuple(DANGEROUS))]
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, lineterminator="\n").writerows([COLUMNS, row])
    (read,) = csv_file.read_rows(
        io.BytesIO(file.getvalue().encode()), "monthly", KnownNames(None, {chosen.max_hype or ""})
    )
    assert read.reader == reader


@given(st.sampled_from(preferences.PREFERENCE_COLUMNS), st.text(max_size=30))
def test_any_cell_is_a_value_or_a_reason(name: str, cell: str) -> None:
    with suppress(InvalidError):
        csv_cells.read_cell(name, cell)


@pytest.mark.parametrize(
    ("cell", "breaking"), [("yes", True), ("TRUE", True), ("0", False), ("no", False), ("", False)]
)
def test_breaking_news_is_yes_or_no(cell: str, *, breaking: bool) -> None:
    (row,) = csv_file.read_rows(io.BytesIO(f"email,breaking\na@example.org,{cell}\n".encode()), "weekly", KNOWN)
    assert row.reader == ImportedReader("a@example.org", Preferences(breaking=breaking))


@pytest.mark.parametrize(
    ("head", "cell", "reason"),
    [
        ("breaking", "perhaps", "yes or no"),
        ("hour", "7", "Choose an hour and the time zone"),
        ("hour", "24:00", "The hour is a number"),
        ("zone", "Europe/Atlantis", "Choose"),
        ("max_hype", "x" * 61, "hype"),
        ("sections", '""""', "from the list|at least one"),
    ],
)
def test_a_wrong_preference_is_refused_with_its_reason(head: str, cell: str, reason: str) -> None:
    (row,) = csv_file.read_rows(io.BytesIO(f"email,{head}\na@example.org,{cell}\n".encode()), "weekly", KNOWN)
    assert row.reader is None
    assert any(part in row.refusal for part in reason.split("|"))
