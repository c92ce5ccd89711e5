"""The tables of tests/cases/bounces: invented failures as mail servers word them, each with its right verdict."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from newsletter.mail.failures.judging import judge, judge_smtp
from newsletter.mail.failures.sendgrid_bounces import judge_sendgrid
from newsletter.mail.failures.verdicts import FailureKind, Verdict

FOLDER = Path(__file__).parents[1] / "cases" / "bounces"
TABLES = sorted(path.stem for path in FOLDER.glob("*.txt"))


class Surroundings(NamedTuple):
    """What differs between two mails about the same failure."""

    ip: str
    id: str
    when: str


USUAL = Surroundings("192.0.2.25", "4XyZbC1mQz", "Mon, 4 May 2026 10:11:12 +0200")
MISLEADING = (
    Surroundings("5.1.1.1", "5505.1.1A", "Mon, 5 Jan 2026 05:50:51 +0550"),
    Surroundings("5.5.0.5", "5110550AB5.1.1", "5.1.1 05:51:10"),
    Surroundings("5.2.2.52", "45220422.552", "4.2.2 04:50:51"),
    Surroundings("5.7.1.57", "5715.7.1-57", "5.7.1 05:07:01"),
    Surroundings("2001:db8:550:5.1.1.1", "1uAbCd-0005.1.1-11", "2026-05-11T05:50:55Z"),
)
"""Numbers that look like codes: the verdict must not follow them."""


class Row(NamedTuple):
    """One failure; `fields` are the table's columns behind the first."""

    table: str
    program: str
    line: int
    kind: FailureKind
    fields: tuple[str, ...]

    def judge(self, surroundings: Surroundings = USUAL) -> Verdict:
        """What the code says of this failure in other surroundings."""
        fields = [_filled(field, surroundings) for field in self.fields]
        if self.fields[0] == "smtp":
            return judge_smtp(int(fields[1]), fields[2])
        if self.fields[0] == "sendgrid":
            return judge_sendgrid(*fields[1:])
        if self.fields[0] == "plain":
            return judge("", "", fields[1])
        return judge(fields[2], fields[1], fields[3])


COLUMNS = {"dsn": 3, "plain": 1, "smtp": 2, "sendgrid": 4}
"""How many fields a row of each form has; columns that are missing at the end are empty."""


def rows() -> list[Row]:
    """All rows of all tables, in order."""
    return [row for table in TABLES for row in _rows(table)]


def _rows(table: str) -> list[Row]:
    form, program, found = table, "", []
    for number, line in enumerate((FOLDER / f"{table}.txt").read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("["):
            program, _, named = line.strip("[]").partition(": ")
            form = named or table
        elif line and not line.startswith("#"):
            kind, *fields = (field.strip() for field in line.split(" |"))
            fields += [""] * (COLUMNS[form] - len(fields))
            assert len(fields) == COLUMNS[form], f"{table}.txt:{number}"
            found.append(Row(table, program, number, FailureKind(kind), (form, *fields)))
    return found


def _filled(field: str, surroundings: Surroundings) -> str:
    for name, value in surroundings._asdict().items():
        field = field.replace(f"{{{name}}}", value)
    return field.replace("\\r", "\r").replace("\\n", "\n")
