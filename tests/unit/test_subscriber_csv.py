"""CSV files of readers, as the world writes them."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.config import HYPE_LABELS
from newsletter.core.errors import InvalidError
from newsletter.subscribers.files import csv_file
from newsletter.subscribers.files.imported_readers import ImportedReader
from newsletter.subscribers.preferences import KnownNames, Preferences

KNOWN = KnownNames(None, HYPE_LABELS)


def read(data: bytes, cadence: str = "weekly") -> list[tuple[int, ImportedReader | str]]:
    return [(row.end.row, row.reader or row.refusal) for row in csv_file.read_rows(io.BytesIO(data), cadence, KNOWN)]


@pytest.mark.parametrize(
    "data",
    [
        b"email\nada@example.org\n",
        b"email\r\nada@example.org",
        b"\xef\xbb\xbfemail\nada@example.org\n",
        b'"E-Mail ID", Email ,name\n1,ada@example.org,"Ada\nLovelace"\n',
        b"name;ADDRESS\nAda;ada@example.org\n",
        b"name\temail\n\tada@example.org\n",
        b"name,email\nJ\xfcrgen,ada@example.org\n",
        b"name,email\nA\x00da,ada@example.org\n",
        b"email\n\n , \nada@example.org\n",
        b'"sep=;"\nname;email\n"A, B";ada@example.org\n',
        b'sep=;\nname,email\n"A; B",ada@example.org\n',
        b"sep=^\nname^email\nA^ada@example.org\n",
        b'"na\nme",email\nAda,ada@example.org\n',
    ],
)
def test_an_address_is_found_in_many_forms_of_file(data: bytes) -> None:
    assert [reader for _, reader in read(data)] == [ImportedReader("ada@example.org", Preferences())]


def test_preferences_and_the_time_are_read() -> None:
    data = (
        b"email;cadence;sections;min_trust;confirmed_at\n"
        b'a@example.org;Daily;"Research; Policy";70;2026-05-02T10:00:00+02:00\n'
        b"b@example.org;;;;2026-05-02\n"
        b"c@example.org\n"
    )
    assert read(data, "monthly") == [
        (
            2,
            ImportedReader(
                "a@example.org", Preferences("daily", ("Policy", "Research"), 70), datetime(2026, 5, 2, 8, tzinfo=UTC)
            ),
        ),
        (3, ImportedReader("b@example.org", Preferences("monthly"), datetime(2026, 5, 2, tzinfo=UTC))),
        (4, ImportedReader("c@example.org", Preferences("monthly"))),
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("nobody", "not a complete email address"),
        ('"a@example.org\nb@example.org"', "not a complete email address"),
        ("a\x00@example.org", "not a complete email address"),
        (",daily", "Enter your email address"),
        ("a@example.org,hourly", "daily, weekly or monthly"),
        ("a@example.org,,;", "at least one section"),
        ("a@example.org,,a\x00b", "from the list"),
        ("a@example.org,,,101", "0 to 100"),
        ("a@example.org,,,many", "0 to 100"),
        ("a@example.org,,,1e1", "0 to 100"),
        ("a@example.org,,,,yesterday", "must look like"),
        ("a@example.org,,,,0001-01-01T00:00:00+14:00", "must look like"),
        ("a@example.org,,,,2999-01-01", "future"),
    ],
)
def test_a_bad_row_is_refused_with_its_number_and_the_others_come_in(row: str, reason: str) -> None:
    data = f"email,cadence,sections,min_trust,confirmed_at\nx@example.org\n{row}\ny@example.org\n".encode()
    first, bad, last = read(data)
    assert (first[0], bad[0], last[0]) == (2, 3, 4)
    assert isinstance(bad[1], str)
    assert reason in bad[1]
    assert "a@example.org" not in bad[1]
    assert (first[1], last[1]) == (ImportedReader("x@example.org"), ImportedReader("y@example.org"))


def test_a_quotation_mark_that_is_never_closed_spoils_one_row() -> None:
    data = b'email\na@example.org\n"' + b"b@example.org\n" * 20_000
    rows = read(data)
    assert rows[0] == (2, ImportedReader("a@example.org"))
    assert "a quotation mark may be missing" in str(rows[1][1])


@pytest.mark.parametrize(
    "data",
    [b"", b"\n", b"name\nAda\n", b"ada@example.org\nbob@example.org\n", "name\nx".encode("utf-16"), b'"'],
)
def test_a_file_without_an_address_column_cannot_be_used(data: bytes) -> None:
    with pytest.raises(InvalidError, match="one of them email"):
        read(data)


@pytest.mark.parametrize("head", [b"email,email", b"email,e-mail", b"email,cadence,Cadence"])
def test_a_column_must_not_stand_twice(head: bytes) -> None:
    with pytest.raises(InvalidError, match="twice"):
        read(head + b"\na@example.org\n")


@pytest.mark.parametrize(
    "data", [b"\x00\x01", "email\nx".encode("utf-16-le"), "email\nx".encode("utf-32"), b"PK\x03\x04", b"pr\xe9nom\nx\n"]
)
def test_a_file_in_another_encoding_says_what_to_do(data: bytes) -> None:
    with pytest.raises(InvalidError, match="save it in the spreadsheet as “CSV UTF-8”"):
        read(data)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_file_is_read_by_its_mark(encoding: str, end: str) -> None:
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    data = (mark + end.join(["email;name", "ada@example.org;𝔄da", "bo@example.org;Bø", ""])).encode(encoding)
    assert [reader for _, reader in read(data)] == [ImportedReader("ada@example.org"), ImportedReader("bo@example.org")]


@pytest.mark.parametrize(
    ("head", "meant"),
    [("section", "sections"), ("trust", "min_trust"), ("Min Trust", "min_trust"), ("langauge", "language")],
)
def test_a_column_that_is_nearly_one_of_ours_is_an_error(head: str, meant: str) -> None:
    with pytest.raises(InvalidError, match=f"“{head}” is not known: is {meant} meant"):
        read(f"email,{head}\na@example.org,\n".encode())


@pytest.mark.parametrize(
    "name",
    [
        *("Member_Status_2", "Opt-Out cause", "Soft_Bounced", "is_deleted", "BLACKLISTED_BY"),
        *("is_inactive", "Removed on", "cancelled_at", "left_at", "Email consent", "Marketing Permissions", "invalid"),
        *("Ausgetragen", "Abmeldung", "Abmeldedatum", "Abbestellung", "Inaktiv seit", "Widerruf", "Einwilligung"),
        *("désabonné", "Date de désinscription", "Statut", "dado de baja", "Estado", "disiscritto", "Stato"),
        *("uitgeschreven", "wypisany", "Отписан", "avregistrerad", "Actif", "attivo", "aktywny", "Werbesperre"),
        *(
            "Receives email",
            "wants_newsletter",
            "No mail",
            "Email subscription",
            "Rejected at",
            "Revoked",
            "allow email",
        ),
    ],
)
def test_a_column_that_may_say_who_unsubscribed_stops_the_import(name: str) -> None:
    data = f"email,{name}\na@example.org,x\n".encode()
    with pytest.raises(InvalidError, match=f"“{name}” may say who unsubscribed"):
        read(data)
    (row,) = csv_file.CsvFile(io.BytesIO(data), "weekly", KNOWN, ignore=[name]).rows()
    assert row.reader == ImportedReader("a@example.org")


@pytest.mark.parametrize(
    ("head", "active", "others"),
    [
        ("email_disabled", "false", {"true": "unsubscribed"}),
        ("UNSUB_REASON", "", {"ABUSE": "complained", "NORMAL": "unsubscribed"}),
        ("CLEAN_TIME", "", {"2022-02-02 02:02:02": "bounced"}),
        ("type", "premium", {"undeliverable": "bounced", "unpaid": "unconfirmed", "whatever": "unknown"}),
        ("doNotEmail", "0", {"1": "unsubscribed", "2": "bounced"}),
        ("blacklisted", "0", {"1": "unsubscribed"}),
        ("confirmed", "1", {"0": "unconfirmed"}),
        ("Email permission status", "Express", {"Unsubscribed": "unsubscribed", "Implied": "unconfirmed"}),
        ("Email hard bounce reason", "", {"MAILBOX_FULL": "bounced"}),
        ("active", "1", {"0": "unsubscribed", "false": "unsubscribed", "perhaps": "unknown"}),
        ("is_subscribed", "yes", {"no": "unsubscribed"}),
        ("enabled", "true", {"0": "unsubscribed"}),
        ("unsubscription_reason", "", {"too many": "unsubscribed"}),
        ("undeliverability_reason", "", {"hard_bounced": "bounced"}),
        ("Is this account disabled?", "0", {"1": "unsubscribed"}),
        ("Aktiv", "Ja", {"Nein": "unsubscribed"}),
        ("Accepts Email Marketing", "yes", {"no": "unconfirmed", "": "unconfirmed"}),
        ("Opted-In", "yes", {"no": "unconfirmed", "2020-01-01": "unknown"}),
        ("Banned", "FALSE", {"TRUE": "unsubscribed"}),
        ("state", "CA", {"cancelled": "unsubscribed", "bounced": "bounced", "Complained": "complained"}),
        ("Newsletter", "Weekly", {"no": "unsubscribed", "nein": "unsubscribed"}),
        ("unsubscription_date", "", {"2020-01-01": "unsubscribed"}),
        ("Unsubscribe time", "", {"2020-01-01": "unsubscribed"}),
        ("Abgemeldet am", "", {"1.1.2020": "unsubscribed"}),
        ("email_verified", "true", {"false": "unconfirmed"}),
        ("status", "Subscribed", {"bounced": "bounced", "Unconfirmed": "unconfirmed", "\u200bLEFT": "unsubscribed"}),
    ],
)
def test_the_columns_of_other_services_are_understood(head: str, active: str, others: dict[str, str]) -> None:
    for cell, standing in {active: "active", **others}.items():
        (row,) = csv_file.read_rows(io.BytesIO(f'email,{head}\na@example.org,"{cell}"\n'.encode()), "weekly", KNOWN)
        assert (row.standing, row.reader is not None) == (standing, standing == "active")


@pytest.mark.parametrize(
    "name",
    [
        "cancel_date",
        "Emails received",
        "Aktivität",
        "Optin date",
        "Active subscription",
        "Last active",
        "OPTIN_TIME",
        "FIRSTNAME",
        "Activity",
        "Notes",
        "City",
    ],
)
def test_other_columns_are_passed_over(name: str) -> None:
    (row,) = csv_file.read_rows(io.BytesIO(f"email,{name}\na@example.org,x\n".encode()), "weekly", KNOWN)
    assert row.reader == ImportedReader("a@example.org")


def test_the_strongest_standing_of_a_row_counts() -> None:
    data = b"email,status,unsub_reason,confirmed\na@example.org,bounced,abuse,0\n"
    (row,) = csv_file.read_rows(io.BytesIO(data), "weekly", KNOWN)
    assert (row.reader, row.standing) == (None, "complained")


def test_a_cell_of_lines_that_holds_an_address_is_reported() -> None:
    data = b'email,note\na@example.org,"over two lines\nfrom b@example.org"\nc@example.org,"two\nlines"\n'
    first, second = csv_file.read_rows(io.BytesIO(data), "weekly", KNOWN)
    assert "holds an address" in first.warning
    assert (first.reader, second.reader) == (ImportedReader("a@example.org"), ImportedReader("c@example.org"))
    assert not second.warning


def test_somebody_whom_a_note_quotes_is_no_reader() -> None:
    note = "she wrote:\nbo@example.org,please add me\nthanks"
    first, second = csv_file.read_rows(
        io.BytesIO(f'email,note\na@example.org,"{note}"\nc@example.org,C\n'.encode()), "weekly", KNOWN
    )
    assert (first.reader, list(first.cells)) == (None, ["a@example.org", note])
    assert "holds what look like rows" in first.refusal
    assert second.reader == ImportedReader("c@example.org")


def test_two_stray_quotation_marks_cost_their_rows_alone() -> None:
    data = b'email,name\na@example.org,"A\nb@example.org,B\n\nc@example.org,C\nd@example.org,D"\ne@example.org,E\n'
    rows = list(csv_file.read_rows(io.BytesIO(data), "weekly", KNOWN))
    assert [row.cells[0][0] for row in rows] == list("abcde")
    assert [row.reader is not None for row in rows] == [False, True, True, True, True]


def test_a_row_with_more_cells_than_columns_is_refused() -> None:
    assert "more cells" in str(read(b"email,name\na@example.org,Doe, John\nb@example.org,B,\n")[0][1])


@pytest.mark.parametrize(
    "name", ["Adresse e-mail", "Correo electrónico", "Subscriber Email", "user_email", "E-mailadres"]
)
def test_addresses_are_found_by_other_names_where_no_column_is_called_email(name: str) -> None:
    ((_, reader),) = read(f"{name},address\nada@example.org,1 High Street\n".encode())
    assert reader == ImportedReader("ada@example.org")
    ((_, reader),) = read(f"{name},email\nold@example.org,ada@example.org\n".encode())
    assert reader == ImportedReader("ada@example.org")


NAMES = st.text(st.sampled_from("ab\"' "), max_size=4)


@given(st.lists(NAMES, max_size=12))
def test_no_row_vanishes_whatever_quotation_marks_are_in_it(names: list[str]) -> None:
    rows = [f"r{number}@example.org,{name}" for number, name in enumerate(names)]
    found = list(csv_file.read_rows(io.BytesIO("\n".join(["email,name", *rows]).encode()), "weekly", KNOWN))
    assert [row.end.row for row in found] == list(range(2, len(rows) + 2))
    assert [row.cells[0] for row in found] == [f"r{number}@example.org" for number in range(len(rows))]


@given(st.binary(max_size=300))
def test_any_bytes_are_readers_or_reasons(data: bytes) -> None:
    for number, found in read(b"email,sections,confirmed_at\n" + data):
        assert number >= 2
        assert isinstance(found, ImportedReader | str)
