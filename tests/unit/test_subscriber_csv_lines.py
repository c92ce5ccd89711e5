"""Lines of files that may be of any size and hold anything, and places to go on from."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.config import HYPE_LABELS
from newsletter.subscribers.files import csv_file, csv_lines
from newsletter.subscribers.files.csv_lines import CsvLines, LineTooLongError
from newsletter.subscribers.files.imported_readers import ImportedReader
from newsletter.subscribers.preferences import KnownNames

PIECES = [
    b"a@example.org",
    b"b",
    b",",
    b'"',
    b"\n",
    b"\r\n",
    b"\r",
    b"\x00",
    b"\xff",
    "世".encode(),
    b"\xef\xbb\xbf",
    b" ",
]
KNOWN = KnownNames(None, HYPE_LABELS)
BYTES = st.lists(st.sampled_from(PIECES), max_size=60).map(b"".join)


@pytest.fixture(autouse=True, params=[1, 2, 7, 1 << 18])
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A block may end anywhere."""
    monkeypatch.setattr(csv_lines, "_BLOCK", request.param)


@given(BYTES)
def test_all_bytes_are_in_the_lines(data: bytes) -> None:
    lines = CsvLines(io.BytesIO(data))
    found = []
    for line in lines:
        found.append(line)
        assert lines.position <= len(data)
    assert lines.position == len(data)
    assert found == [
        line.decode("utf-8" if place else "utf-8-sig", "replace") for place, line in enumerate(data.splitlines(True))
    ]


@given(BYTES)
def test_the_rest_of_a_file_is_the_same_from_each_place(data: bytes) -> None:
    data = b"email,sections\n" + data
    whole = list(csv_file.read_rows(io.BytesIO(data), "weekly", KNOWN))
    for number, row in enumerate(whole):
        assert list(csv_file.read_rows(io.BytesIO(data), "weekly", KNOWN, row.end)) == whole[number + 1 :]


def test_a_line_that_is_too_long_is_not_kept_and_the_next_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_lines, "LONGEST", 40)
    for length in (40, 41, 100, 1000):
        lines = CsvLines(io.BytesIO(b"x" * length + b"\nnext\n"))
        with pytest.raises(LineTooLongError):
            next(lines)
        assert (lines.position, next(lines), list(lines)) == (length + 1, "next\n", [])


def test_no_part_of_a_line_that_is_too_long_becomes_a_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_lines, "LONGEST", 40)
    data = b"email,name\n" + b"a@example.org," * 50 + b"b@example.org\nc@example.org\n" + b"d@example.org," * 9
    found = [row.reader or row.refusal for row in csv_file.read_rows(io.BytesIO(data), "weekly", KNOWN)]
    assert found == ["This row is longer than any reader's.", ImportedReader("c@example.org"), found[0]]
