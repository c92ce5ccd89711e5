"""Sections and hype labels that are in use: the rule that forms and imports ask, and the notes of imports."""

from __future__ import annotations

import io

import pytest

from newsletter.core.errors import InvalidError
from newsletter.core.name_rules import LONGEST_NAME, is_name
from newsletter.subscribers.files import csv_file
from newsletter.subscribers.files.imported_readers import ImportedReader
from newsletter.subscribers.preferences import KnownNames, Preferences

KNOWN = KnownNames({"Law", "Policy"}, ("No hype", "High hype"))


@pytest.mark.parametrize(
    ("preferences", "code"),
    [
        (Preferences(sections=("Law", "Sports")), "preferences.unknown_section"),
        (Preferences(max_hype="Mega hype"), "preferences.unknown_hype"),
    ],
)
def test_an_unknown_name_is_an_error_with_its_code(preferences: Preferences, code: str) -> None:
    with pytest.raises(InvalidError) as caught:
        KNOWN.check(preferences)
    assert caught.value.code == code


def test_before_the_first_article_no_section_is_unknown() -> None:
    KnownNames(None, ()).check(Preferences(sections=("Sports",)))
    with pytest.raises(InvalidError):
        KnownNames([], ()).check(Preferences(sections=("Sports",)))


@pytest.mark.parametrize(
    ("head", "cell", "preferences", "noted"),
    [
        ("sections", "Law; Sports", Preferences(sections=("Law",)), "section"),
        ("sections", "Sports", Preferences(), "section"),
        ("max_hype", "Mega hype", Preferences(), "hype label"),
        ("format", "pdf", Preferences(), "format"),
        ("language", "tlh", Preferences(), "language"),
        ("language", "de-AT", Preferences(language="de"), None),
        ("language", "DE_de", Preferences(language="de"), None),
        ("sections", "Law", Preferences(sections=("Law",)), None),
        ("max_hype", "No hype", Preferences(max_hype="No hype"), None),
    ],
)
def test_an_imported_row_loses_an_unknown_preference_alone(
    head: str, cell: str, preferences: Preferences, noted: str | None
) -> None:
    data = f"email,{head},min_trust\na@example.org,{cell},0\n".encode()
    (row,) = csv_file.read_rows(io.BytesIO(data), "weekly", KNOWN)
    assert row.reader == ImportedReader("a@example.org", preferences)
    assert len(row.notes) == (1 if noted else 0)
    assert all(noted in note for note in row.notes if noted)


def test_a_row_can_have_several_notes() -> None:
    data = b"email,sections,format,language\na@example.org,Sports,pdf,tlh\n"
    (row,) = csv_file.read_rows(io.BytesIO(data), "daily", KNOWN)
    assert row.reader == ImportedReader("a@example.org", Preferences("daily"))
    assert len(row.notes) == 3


@pytest.mark.parametrize("name", ["", "x" * (LONGEST_NAME + 1), "a\x00b", "a\nb", "St\ufffddte"])
def test_some_texts_are_no_names(name: str) -> None:
    assert not is_name(name)
    with pytest.raises(InvalidError):
        Preferences(max_hype=name)
