"""The benchmark: every row of tests/cases/bounces has its right verdict, whatever numbers stand around it."""

from __future__ import annotations

import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.mail.failures.judging import judge, judge_smtp
from newsletter.mail.failures.sendgrid_bounces import judge_sendgrid
from newsletter.mail.failures.verdicts import FailureKind, Verdict
from tests.unit.bounce_table import MISLEADING, Row, Surroundings, rows

MAILBOX, MOMENT, US = FailureKind.MAILBOX, FailureKind.MOMENT, FailureKind.US
ROWS = rows()


def test_the_table_is_large_and_varied() -> None:
    assert len(ROWS) >= 440
    assert len({row.program for row in ROWS}) >= 40
    assert min(Counter(row.kind for row in ROWS).values()) >= 120


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.table}-{row.line}")
def test_each_failure_has_its_verdict(row: Row) -> None:
    verdict = row.judge()
    assert verdict.kind is row.kind, verdict
    assert "@" not in verdict.why
    assert "ada" not in verdict.why.split()


@pytest.mark.parametrize("surroundings", MISLEADING, ids=lambda surroundings: surroundings.ip)
def test_no_ip_address_queue_id_or_date_changes_a_verdict(surroundings: Surroundings) -> None:
    changed = [row for row in ROWS if row.judge(surroundings).kind is not row.kind]
    assert changed == []


@pytest.mark.parametrize(
    ("diagnostic", "status", "text", "code"),
    [
        ("smtp; 550 5.1.1 no such user", "5.7.1", "552 5.2.2", "5.1.1"),
        ("smtp; 550 no such user", "5.1.1", "552 5.2.2", "5.1.1"),
        ("smtp; 550 no such user", "5.0.0", "552 5.2.2", "5.0.0"),
        ("", "5.0.0", "host said: 552 5.2.2 full", "5.2.2"),
        ("smtp; 550 no such user", "", "552 5.2.2", "550"),
        ("", "", "Sorry. (#5.1.1)", "5.1.1"),
        ("smtp; 5.1.0 - Unknown address error 550-'5.1.1 unknown'", "5.1.0", "", "5.1.1"),
        ("no code", "", "", ""),
    ],
)
def test_codes_are_read_in_the_order_of_their_evidence(diagnostic: str, status: str, text: str, code: str) -> None:
    assert judge(diagnostic, status, text).code == code


@pytest.mark.parametrize(
    "text",
    [
        "5.1.1.7 is at port 550",
        "host 550.5.1.1 failed",
        "[5.1.1.1]:550 failed",
        "on 550/5.1.1 at 05:50:550",
        "Mailer 5.1.1 failed",
        "queue A550 5.1.1",
        "550 5.1.12345",
        "550 5.1.1.9 failed",
        "550 5.1.1-550",
        "#5.1.1.1",
        "5.1.1\n5.1.1",
    ],
)
def test_numbers_that_are_no_codes(text: str) -> None:
    assert judge("", "", text).kind is MOMENT


@pytest.mark.parametrize(
    "text", ["Mailer 5.1.1 failed", "at 5.1.1.7: 550.5.1.1 failed", "queue A550 5.1.1", "on 5.1.1"]
)
def test_numbers_within_a_diagnostic_are_no_codes(text: str) -> None:
    assert judge(f"smtp; {text}", text, "").kind is MOMENT


@pytest.mark.parametrize("status", ["5.0.0", "5.1.0", "5.2.1", ""])
@pytest.mark.parametrize(
    ("words", "kind"),
    [("", MOMENT), ("550", MOMENT), ("550 rejected", MOMENT), ("550 no such user", MAILBOX), ("550 spam", US)],
)
def test_vague_codes_need_words(status: str, words: str, kind: FailureKind) -> None:
    assert judge(words, status, "").kind is kind


@pytest.mark.parametrize(
    ("diagnostic", "kind"),
    [
        ("550 5.1.1 no such user", MAILBOX),
        ("550 5.1.1 no such user, or the mailbox is full", MOMENT),
        ("550 5.1.1 no such user, or blocked by policy", US),
        ("550 5.1.1 mailbox full, or blocked by policy", US),
        ("552 5.2.2 no such user", MOMENT),
        ("550 5.7.1 no such user", MOMENT),
        ("450 5.1.1 no such user", MOMENT),
        ("550 4.1.1 no such user", MOMENT),
        ("550 5.2.2 blocked by policy", US),
        ("550 5.7.1 rejected", US),
        ("550 5.1.1 rejected", MAILBOX),
        ("450 rejected", MOMENT),
    ],
)
def test_evidence_that_contradicts_itself_spares_the_reader(diagnostic: str, kind: FailureKind) -> None:
    assert judge(f"smtp; {diagnostic}", "", "").kind is kind


@pytest.mark.parametrize(
    "text",
    [
        "550 no such user: spam@example.org",
        "550 no such user: spam@localhost",
        "550 no such user (policy.blocked.example [192.0.2.1] said so)",
        "550 no such user, see https://policy.example/spam/full?p=blocked",
        "550-no such\r\n550 user",
        "550 NO SUCH USER",
        "550 No&nbsp;such <b>user</b><br>",
        "550 no such user.Please check",
        "550 5.1.1 RESOLVER.ADR.RecipientNotFound; see the server",
        "550 Empfaenger unbekannt",
        "550 Empfänger unbekannt",
        "550 EMPFÄNGER UNBEKANNT",
        "550 This user doesn’t exist here",
    ],
)
def test_words_are_found_as_servers_write_them(text: str) -> None:
    assert judge(text, "", "").kind is MAILBOX


def test_the_mail_that_a_report_encloses_decides_nothing() -> None:
    report = "ada@example.org\n  user unknown\n\n--- Below this line is a copy of the message.\n\nSubject: Spam\n\nspam"
    assert judge("", "", report).kind is MAILBOX
    assert judge("", "", report.replace("user unknown", "it failed").replace("Spam", "user unknown")).kind is MOMENT
    assert judge("", "", "Your mail failed.\nSubject: no such user\nSent: 4 May").kind is MOMENT


def test_a_name_in_a_gap_is_not_quoted() -> None:
    assert judge("", "", "550 user adalovelace does not exist").why == 'words "user ... does not exist"'


PIECES = ["550", " ", "-", "5.1.1", "#", "user", "unknown", "spam", "<", ">", "@", ".", "\n", "full", "ユーザー", "é"]
ANY = st.text(max_size=300) | st.lists(st.sampled_from(PIECES), max_size=60).map("".join)


@given(ANY, ANY, ANY, st.integers(400, 599))
def test_any_text_has_a_verdict(one: str, two: str, three: str, code: int) -> None:
    for verdict in (judge(one, two, three), judge_smtp(code, one), judge_sendgrid(one, two, three, one)):
        assert isinstance(verdict, Verdict)
        assert verdict.why


@given(ANY)
def test_words_about_us_win_whatever_stands_around_them(text: str) -> None:
    assert judge(f"550 5.1.1 no such user | spam | {text}", "5.1.1", text).kind is US


@pytest.mark.parametrize(
    "piece", ["a", "user ", "<", "<a ", "5.", "550 5.1.", "@", "\n", " |", "mailbox a ", "ﷺ", "&lt;"]
)
def test_a_huge_text_takes_no_longer_than_a_long_one(piece: str) -> None:
    started = time.process_time()
    for text in (piece * 10_000, piece * 1_000_000):
        judge(text, text, text)
        judge_smtp(550, text)
        judge_sendgrid("bounce", text, text, text)
    assert time.process_time() - started < 10
