"""`newsletter subscribers import`, as an operator calls it."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from hypothesis import HealthCheck, given
from hypothesis import settings as settings_
from hypothesis import strategies as st
from sqlalchemy import func, select

from newsletter.cli.subscribers.files import subscribers
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.ids import AddressKey
from newsletter.subscribers.files.csv_file import read_rows
from newsletter.subscribers.files.ended_elsewhere import OTHER_ROW
from newsletter.subscribers.files.imported_readers import CHUNK, ImportedReader, import_rows
from newsletter.subscribers.files.result_file import ResultFileError
from newsletter.subscribers.models import Subscriber, SubscriberStatus, SuppressionReason
from newsletter.subscribers.preferences import KnownNames, Preferences
from newsletter.subscribers.suppression import suppressions
from tests import factories

Run = Callable[..., Result]


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place outside DATA_DIR."""
    return tmp_path_factory.mktemp("files")


@pytest.fixture
def run(app: Flask, db: Database, folder: Path) -> Run:
    """Writes a file and imports it."""

    def run(content: str | bytes, *options: str) -> Result:
        path = folder / "readers.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        result = app.test_cli_runner().invoke(subscribers, ["import", str(path), *options])
        assert result.exception is None or isinstance(result.exception, SystemExit | ResultFileError), result.exception
        return result

    return run


def summary(result: Result, **counts: object) -> dict[str, object]:
    """What an import prints, 0 where no count is given."""
    counts = {"rows": 0, "imported": 0, "unchanged": 0, "suppressed": 0, "refused": 0, "noted": 0} | counts
    said = json.loads(result.stdout)
    return {"resumed_from": None, "dry_run": False, "ignored": [], "result": said["result"], **counts}


def not_taken(result: Result) -> list[tuple[str, ...]]:
    """The number, result and reason of each row of the result file."""
    with Path(json.loads(result.stdout)["result"]).open(newline="") as file:
        head, *rows = csv.reader(file)
    assert head[-1] == "reason"
    return [re.fullmatch(r"(\w+) \(row (\d+)\): (.+)", row[-1]).group(2, 1, 3) for row in rows]  # type: ignore[union-attr]


def readers(db: Database) -> dict[str, tuple[str, str]]:
    with db.reading() as session:
        return {reader.address: (reader.status, reader.cadence) for reader in session.scalars(select(Subscriber))}


def test_readers_come_in_active_with_their_preferences(run: Run, db: Database) -> None:
    result = run(
        "email,cadence,sections,min_trust,confirmed_at\n"
        "Ada@Example.org,daily,Policy;Research,70,2025-01-02\n"
        "info@bücher.example,,,,\n",
        "--json",
        "--cadence",
        "monthly",
    )
    assert result.exit_code == 0
    assert json.loads(result.stdout) == summary(result, rows=2, imported=2)
    assert result.stderr == ""
    with db.reading() as session:
        ada, info = session.scalars(select(Subscriber).order_by(Subscriber.id))
        assert (ada.address, ada.address_key, ada.status) == (
            "Ada@example.org",
            "ada@example.org",
            SubscriberStatus.ACTIVE,
        )
        assert (ada.cadence, ada.sections, ada.min_trust) == ("daily", ["Policy", "Research"], 70)
        assert ada.confirmed_at is not None
        assert ada.confirmed_at.year == 2025
        assert (info.address_key, info.cadence, info.sections) == ("info@xn--bcher-kva.example", "monthly", None)
        assert info.confirmed_at is not None
        assert len({ada.token, info.token}) == 2


def test_a_second_time_changes_nothing(run: Run, db: Database) -> None:
    file = "email,cadence\na@example.org,daily\nA@EXAMPLE.ORG,monthly\n"
    for imported, unchanged in ((1, 1), (0, 2)):
        result = run(file, "--json")
        assert json.loads(result.stdout) == summary(result, rows=2, imported=imported, unchanged=unchanged)
    assert readers(db) == {"a@example.org": (SubscriberStatus.ACTIVE, "daily")}


def test_an_active_reader_keeps_the_preferences_chosen_here(run: Run, db: Database) -> None:
    with db.transaction() as session:
        import_rows(session, [ImportedReader("a@example.org")])
    assert json.loads(run("email,cadence\na@example.org,daily\n", "--json").stdout)["unchanged"] == 1
    assert readers(db) == {"a@example.org": (SubscriberStatus.ACTIVE, "weekly")}


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (SubscriberStatus.UNSUBSCRIBED, "has unsubscribed"),
        (SubscriberStatus.BOUNCED, "bounced"),
        (SubscriberStatus.COMPLAINED, "complained"),
    ],
)
def test_nobody_is_brought_back(run: Run, db: Database, status: SubscriberStatus, word: str) -> None:
    with db.transaction() as session:
        import_rows(session, [ImportedReader("a@example.org"), ImportedReader("b@example.org")])
        session.scalars(select(Subscriber).where(Subscriber.address == "a@example.org")).one().status = status
    result = run("email,cadence\nb@example.org,\nA@example.org,daily\nnew@example.org\na@example.org\n", "--json")
    assert json.loads(result.stdout) == summary(result, rows=4, imported=1, unchanged=1, suppressed=2)
    assert result.exit_code == 0
    rows = not_taken(result)
    assert [row[:2] for row in rows] == [("3", "suppressed"), ("5", "suppressed")]
    assert word in rows[0][2]
    assert readers(db)["a@example.org"] == (status, "weekly")


@pytest.mark.parametrize("reason", list(SuppressionReason))
@pytest.mark.parametrize("is_pending", [False, True])
def test_no_suppressed_address_comes_in_even_without_a_row(
    run: Run, db: Database, settings: Settings, reason: SuppressionReason, is_pending: bool
) -> None:
    with db.transaction() as session:
        if is_pending:  # they signed up again, and have to confirm it themselves
            session.add(Subscriber(address="a@example.org", address_key="a@example.org"))
        suppressions.suppress(session, settings.suppression_key, AddressKey("a@example.org"), reason)
    result = run("email\nA@Example.org\nb@example.org\n", "--json")
    assert json.loads(result.stdout) == summary(result, rows=2, imported=1, suppressed=1)
    ((row, what, why),) = not_taken(result)
    assert (row, what, why[:33]) == ("2", "suppressed", "This address must not be mailed: ")
    assert {address for address, (status, _) in readers(db).items() if status == SubscriberStatus.ACTIVE} == {
        "b@example.org"
    }


def test_a_pending_reader_is_confirmed_and_keeps_the_preferences_chosen_here(
    run: Run, db: Database, settings: Settings
) -> None:
    with db.transaction() as session:
        factories.sign_up(session, settings, "a@example.org", Preferences("monthly"))
    assert json.loads(run("email,cadence\na@example.org,daily\n", "--json").stdout)["imported"] == 1
    assert readers(db) == {"a@example.org": (SubscriberStatus.ACTIVE, "monthly")}


def test_refused_rows_are_reported_and_the_others_kept(run: Run, db: Database) -> None:
    result = run("email,min_trust\na@example.org,70\nnobody,\nb@example.org,700\n", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == summary(result, rows=3, imported=1, refused=2)
    assert not_taken(result) == [
        ("3", "refused", "That is not a complete email address. Check it for typos (name@example.org)."),
        ("4", "refused", "The lowest trust score is a number from 0 to 100."),
    ]
    words = run("email\na@example.org\nnobody\n")
    assert words.exit_code == 1
    assert words.stdout.startswith("0 imported, 1 unchanged, 0 suppressed, 1 refused.\n")
    assert words.stdout.endswith("readers.result.csv holds the rows that were not taken as they are, and why.\n")


def test_the_result_is_for_its_owner_alone_and_stands_where_it_is_wanted(run: Run, folder: Path) -> None:
    run("email\nnobody\n")
    assert (folder / "readers.result.csv").stat().st_mode & 0o777 == 0o600
    other = folder / "other.csv"
    other.write_text("email,name,reason\nnobody,N,an older import of more columns\n")
    other.chmod(0o644)
    run("email\na@example.org\n", "--result", str(other))
    assert other.read_text() == "email,reason\n"
    assert other.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["readers.csv", "notes.txt"])
def test_the_result_overwrites_no_other_file(run: Run, db: Database, folder: Path, name: str) -> None:
    (folder / "notes.txt").write_text("My notes.")
    result = run("email,reason\na@example.org,\n", "--result", str(folder / name))
    assert result.exit_code == 1
    assert "is no result of an import." in str(result.exception)
    assert (folder / "notes.txt").read_text() == "My notes."
    assert readers(db) == {}


def test_the_result_never_lies_under_data_dir(run: Run, db: Database, settings: Settings) -> None:
    result = run("email\nnobody\n", "--result", str(settings.data_dir / "sub" / ".." / "result.csv"))
    assert "must not lie under DATA_DIR" in str(result.exception)
    assert not (settings.data_dir / "result.csv").exists()


def test_the_result_can_be_mended_and_imported_again(run: Run, db: Database, folder: Path) -> None:
    run('E-Mail;min_trust;Name\na@example.org;70;A\nb@example.org;700;"=B;"\nc@;;C\n')
    mended = (folder / "readers.result.csv").read_text().replace("700", "70").replace("c@", "c@example.org")
    assert mended.splitlines()[0] == "E-Mail;min_trust;Name;reason"
    assert mended.splitlines()[1].startswith('b@example.org;70;"\'=B;";refused (row 3): ')
    again = run(mended, "--json", "--result", str(folder / "again.csv"))
    assert json.loads(again.stdout) == summary(again, rows=2, imported=2, ignored=["Name"])
    assert (folder / "again.csv").read_text() == "E-Mail;min_trust;Name;reason\n"


def test_columns_that_are_ignored_are_named(run: Run) -> None:
    assert "Columns ignored: Name, Tags.\n" in run("email,Name,Tags\na@example.org,A,\n").stdout


def test_a_column_that_stops_the_import_is_named_with_what_to_type(run: Run, db: Database) -> None:
    file = "email,Soft Bounce\na@example.org,x\n"
    stopped = run(file)
    assert stopped.exit_code == 1
    assert "pass over it with `--ignore 'Soft Bounce'`" in stopped.stderr
    assert json.loads(run(file, "--json", "--ignore", "Soft Bounce").stdout)["imported"] == 1


def test_readers_who_ended_elsewhere_come_along_as_suppressions(run: Run, db: Database, settings: Settings) -> None:
    with db.transaction() as session:
        import_rows(session, [ImportedReader("here@example.org")])
    rows = ["in,active", "out,unsubscribed", "hard,cleaned", "spam,spam complaint", "wait,pending", "here,bounced"]
    file = "email,status\n" + "".join(row.replace(",", "@example.org,") + "\n" for row in rows) + "wrong@,bounced\n"
    for dry in (["--dry-run"], []):
        result = run(file, "--as-suppressions", "--json", *dry)
        counts = json.loads(result.stdout)
        assert [counts[name] for name in ("imported", "unchanged", "suppressed", "refused")] == [1, 1, 3, 2]
        assert [row[:2] for row in not_taken(result)] == [("6", "refused"), ("7", "noted"), ("8", "refused")]
    with db.reading() as session:
        found = {
            name: suppressions.reason_for(session, settings.suppression_key, AddressKey(f"{name}@example.org"))
            for name in ("in", "out", "hard", "spam", "wait", "here")
        }
    assert {name: str(reason) for name, reason in found.items() if reason} == {
        "out": "unsubscribed",
        "hard": "bounced",
        "spam": "complained",
    }
    assert set(readers(db)) == {"here@example.org", "in@example.org"}


@pytest.mark.parametrize("options", [[], ["--as-suppressions"]])
def test_one_row_that_says_unsubscribed_outweighs_the_others(run: Run, db: Database, options: list[str]) -> None:
    gap = "".join(f"r{number}@example.org,active\n" for number in range(CHUNK))
    file = f"email,status\nA@example.org,active\n{gap}a@example.org,unsubscribed\na@example.org,active\n"
    result = run(file, "--json", *options)
    assert json.loads(result.stdout)["imported"] == CHUNK
    assert "A@example.org" not in readers(db)
    assert not_taken(result)[0] == ("2", "refused", OTHER_ROW)


CELLS = st.text(st.sampled_from("ab,\"\n '=@"), max_size=5) | st.sampled_from(["x@example.org", "left", "daily", "70"])


@settings_(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(CELLS, max_size=5).map(",".join), max_size=8), st.booleans())
def test_each_row_has_one_outcome(run: Run, rows: list[str], suppress: bool) -> None:
    content = "\n".join(["email,status,cadence,min_trust", *rows]) + "\n"
    counts = json.loads(run(content, "--json", "--dry-run", *(["--as-suppressions"] if suppress else [])).stdout)
    outcomes = sum(counts[name] for name in ("imported", "unchanged", "suppressed", "refused"))
    read = list(read_rows(BytesIO(content.encode()), "weekly", KnownNames(None, ())))
    assert counts["rows"] == outcomes == len(read)
    assert counts["noted"] <= counts["imported"] + counts["unchanged"]


def test_a_result_that_cannot_be_written_is_one_sentence(run: Run, db: Database, folder: Path) -> None:
    result = run("email\na@example.org\n", "--result", str(folder / "no-such-folder" / "result.csv"))
    assert result.exit_code == 1
    assert "cannot be written: No such file or directory." in str(result.exception)
    assert readers(db) == {}


def test_a_dry_run_says_what_would_be_done(run: Run, db: Database, folder: Path) -> None:
    with db.transaction() as session:
        import_rows(session, [ImportedReader("known@example.org")])
    file = "email\na@example.org\nknown@example.org\nnobody\n"
    result = run(file, "--dry-run", "--json")
    found = json.loads(result.stdout)
    assert found == summary(result, rows=3, imported=1, unchanged=1, refused=1, dry_run=True)
    assert found["result"] == str(folder / "readers.dry-run.csv")
    assert [row for row, _, _ in not_taken(result)] == ["4"]
    assert set(readers(db)) == {"known@example.org"}
    assert run(file, "--dry-run").stdout.startswith("Nothing was stored. It would be:\n1 imported")
    assert set(readers(db)) == {"known@example.org"}


@pytest.mark.parametrize("status", ["left", "bounced", "complained", "pending", "unsubscribed", "cleaned"])
def test_readers_who_are_not_active_in_the_file_do_not_come_in(run: Run, db: Database, status: str) -> None:
    result = run(f"email,status\na@example.org,{status}\nb@example.org,Active\nc@example.org,\n", "--json")
    assert json.loads(result.stdout)["refused"] == 1
    assert set(readers(db)) == {"b@example.org", "c@example.org"}


@pytest.mark.parametrize(
    "content",
    [
        "id,email,name,note,subscribed_to_emails,labels\n1,a@example.org,A,,false,\n2,b@example.org,B,,true,\n3,c@example.org,C,,,\n",
        "email,name,attributes,status\na@example.org,A,{},blocklisted\nb@example.org,B,{},enabled\nc@example.org,C,{},enabled\n",
        "Email Address,First Name,MEMBER_RATING\na@,A,2\nb@example.org,B,2\nc@example.org,C,2\n",
    ],
    ids=["Ghost", "listmonk", "Mailchimp"],
)
def test_what_other_services_export_is_read(run: Run, db: Database, content: str) -> None:
    result = run(content, "--json")
    assert json.loads(result.stdout)["refused"] == 1
    assert set(readers(db)) == {"b@example.org", "c@example.org"}


@pytest.mark.parametrize("content", [b"", b"name\nAda\n", b"\xff\xfee\x00m\x00"])
def test_a_file_that_is_no_list_of_readers_is_one_sentence(run: Run, db: Database, content: bytes) -> None:
    result = run(content, "--json")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert (
        "readers.csv: This must be a CSV file in UTF-8 whose first row names the columns, one of them email."
        in result.stderr
    )
    assert readers(db) == {}


def test_a_row_in_another_encoding_is_refused(run: Run, db: Database) -> None:
    """What it means cannot be known; "J\ufffdrg" is nobody's mailbox, and no section."""
    content = "email,sections\nJörg@example.org,\na@example.org,Städte\nb@example.org,Policy\n".encode("latin-1")
    result = run(content, "--json")
    assert json.loads(result.stdout)["refused"] == 2
    assert set(readers(db)) == {"b@example.org"}


def test_a_file_that_is_not_there_is_wrong_usage(app: Flask, db: Database) -> None:
    assert app.test_cli_runner().invoke(subscribers, ["import", "no-such-file.csv"]).exit_code == 2


def test_many_rows_come_in_chunks(run: Run, db: Database) -> None:
    count = 2 * CHUNK + 1
    result = run("email\n" + "".join(f"r{number}@readers.example\n" for number in range(count)), "--json")
    assert json.loads(result.stdout) == summary(result, rows=count, imported=count)
    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(Subscriber)) == count
