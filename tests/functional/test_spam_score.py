"""SpamAssassin's points for a digest: from a program of the machine, or from one that stands in for it."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.digests.queries import get_digest
from newsletter.digests.spam_findings import check_spam_score, mail_to_score
from newsletter.mail import spam_score
from newsletter.mail.spam_score import SpamScore
from tests.factories import add_article, add_digest

REPORT = """\
Content preview:  DISPATCH Weekly letter

Content analysis details:   (%s points, 5.0 required)

 pts rule name              description
---- ---------------------- --------------------------------------------------
-0.0 NO_RELAYS              Informational: message was not relayed via SMTP
 1.2 SUBJ_ALL_CAPS          Subject is all capitals
 2.5 GAPPY_SUBJECT          Subject: contains G.a.p.p.y-T.e.x.t
                            [score: 2.5 ALL_IN_BRACKETS x]
"""

PATIENCE = 300
"""Seconds for the real program on a machine that is busy."""
StandIn = Callable[[str, str], None]


@pytest.fixture(autouse=True)
def with_programs(spam_programs: tuple[tuple[str, ...], ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spam_score, "_PROGRAMS", spam_programs)


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """Make the programs of the machine those that a test writes, with `sh` and `cat` beside them."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("sh", "cat", "sleep"):
        (folder / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(folder))

    def write(name: str, script: str) -> None:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    return write


def reporting(points: str) -> str:
    return f"cat\ncat <<'END'\n{REPORT % points}\nEND"


def test_without_a_program_there_is_no_score(stand_in: StandIn) -> None:
    assert not spam_score.can_score()
    assert spam_score.spam_score(b"Subject: A\r\n\r\nB\r\n") is None


def test_the_points_are_those_of_the_report_and_not_of_the_mail(stand_in: StandIn) -> None:
    stand_in("spamassassin", reporting("3.7"))
    assert spam_score.can_score()
    found = spam_score.spam_score(b"Subject: A\r\n\r\nContent analysis details:   (0.0 points, 5.0 required)\r\n")
    assert found == SpamScore(3.7, 5.0, ("GAPPY_SUBJECT", "SUBJ_ALL_CAPS"))


@pytest.mark.parametrize("script", ["cat; exit 69", "exit 1", "echo 0/0", "echo 'Content analysis details: (x"])
def test_where_no_spamd_answers_the_program_itself_is_asked(stand_in: StandIn, script: str) -> None:
    stand_in("spamc", script)
    assert spam_score.spam_score(b"\r\n") is None
    stand_in("spamassassin", reporting("-0.1"))
    found = spam_score.spam_score(b"\r\n")
    assert found is not None
    assert found.points == -0.1


def test_a_program_that_never_ends_is_ended_with_what_it_started(stand_in: StandIn) -> None:
    stand_in("spamassassin", "sleep 600")
    assert spam_score.spam_score(b"\r\n", seconds=0.1) is None


def test_it_gets_no_setting_of_ours_and_an_empty_home(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "a secret")
    stand_in("spamassassin", f'[ -z "$SECRET_KEY" ] && [ ! -e "$HOME/.bashrc" ] || exit 1\n{reporting("1.0")}')
    assert spam_score.spam_score(b"\r\n") is not None


def test_a_score_is_said_from_half_of_what_is_spam_on(db: Database, settings: Settings) -> None:
    assert list(check_spam_score(None)) == []
    assert list(check_spam_score(SpamScore(2.4, 5.0, ()))) == []
    (found,) = check_spam_score(SpamScore(2.5, 5.0, ("A", "B", "C", "D", "E", "F")))
    assert (found.code, found.where, found.blocks) == ("mail.spam_score", "mail", False)
    assert "2.5 points" in found.sentence
    assert "A, B, C, D, E." in found.sentence


@pytest.mark.skipif(shutil.which("spamassassin") is None, reason="apt-get install spamassassin")
def test_the_real_one_finds_our_mail_harmless(db: Database, settings: Settings) -> None:
    add_article(db, "A story")
    number = add_digest(db)
    with db.reading() as session:
        mail = mail_to_score(settings, get_digest(session, number))
    found = spam_score.spam_score(mail, seconds=PATIENCE)
    assert found is not None
    assert found.points < found.required / 2, found
    gtube = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
    worst = spam_score.spam_score(mail.replace(b"A story", gtube), seconds=PATIENCE)
    assert worst is not None
    assert worst.points > 900
