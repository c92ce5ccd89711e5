"""The Maildir: whole mails or none, and no second one for the same Message-ID."""

from __future__ import annotations

import mailbox
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from newsletter.mail.message import Recipient
from newsletter.mail.outcomes import ACCEPTED, WAITING, SendResult
from newsletter.mail.transports.errors import NotAcceptedError
from newsletter.mail.transports.maildir import STALE, MaildirTransport
from tests.contract.test_transports import message, readers
from tests.contract.transports_under_test import parse

KILLED_SENDER = """
import itertools, os, signal, sys
from pathlib import Path
from newsletter.mail.outcomes import SendResult
from newsletter.mail.transports.maildir import MaildirTransport
from tests.contract.test_transports import message, readers

calls = itertools.count(1)

def killed_at_the_fourth(*_):
    if next(calls) == 4:
        os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[2] == "before it is in new":
    rename = os.rename
    os.rename = lambda *args: (killed_at_the_fourth(), rename(*args))
    record = SendResult(9)
else:
    record = SendResult(9, answered=killed_at_the_fourth)
MaildirTransport(Path(sys.argv[1])).send(message(), readers(9), record)
"""


def send(folder: Path, count: int = 3) -> SendResult:
    record = SendResult(count)
    MaildirTransport(folder).send(message(), readers(count), record)
    return record


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_mail_program_can_read_it(tmp_path: Path) -> None:
    send(tmp_path / "a" / "mail")

    box = mailbox.Maildir(tmp_path / "a" / "mail", create=False)
    assert sorted(mail["To"] for mail in box) == [reader.address for reader in readers(3)]
    assert names(tmp_path / "a" / "mail" / "tmp") == []
    assert (tmp_path / "a" / "mail").stat().st_mode & 0o077 == 0


def test_the_name_is_made_of_the_message_id(tmp_path: Path) -> None:
    send(tmp_path, 1)

    assert names(tmp_path / "new") == [message().message_id(readers(1)[0]).partition("@")[0]]


def test_a_mail_that_was_read_is_not_written_again(tmp_path: Path) -> None:
    transport = MaildirTransport(tmp_path)
    transport.send(message(), readers(2), SendResult(2))
    (read, unread) = sorted((tmp_path / "new").iterdir())
    read.rename(tmp_path / "cur" / f"{read.name}:2,RS")
    record = SendResult(3)

    transport.send(message(), readers(3), record)

    assert set(record.outcomes) == {ACCEPTED}
    assert len(names(tmp_path / "new")) == 2
    assert unread.name in names(tmp_path / "new")
    assert read.name not in names(tmp_path / "new")


def test_an_other_message_to_the_same_reader_is_another_mail(tmp_path: Path) -> None:
    send(tmp_path, 1)
    MaildirTransport(tmp_path).send(message(id_salt=b"another digest's salt"), readers(1), SendResult(1))

    assert len(names(tmp_path / "new")) == 2


@pytest.mark.parametrize(("place", "written"), [("before it is in new", 3), ("before it is recorded", 4)])
def test_a_kill_leaves_whole_mails_and_the_next_try_completes_them(tmp_path: Path, place: str, written: int) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED_SENDER, tmp_path, place], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(names(tmp_path / "new")) == written

    record = send(tmp_path, 9)

    assert set(record.outcomes) == {ACCEPTED}
    mails = [parse(path.read_bytes()) for path in (tmp_path / "new").iterdir()]
    assert sorted(mail.address for mail in mails) == [reader.address for reader in readers(9)]
    assert all(mail.html.endswith("</html>\n") for mail in mails)


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    """The limit on a file's size stands in for the disk: write() takes a part, and then fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    record = SendResult(2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(NotAcceptedError, match="cannot be written to"):
            MaildirTransport(tmp_path).send(message(), readers(2), record)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert set(record.outcomes) == {WAITING}
    assert names(tmp_path / "new") == names(tmp_path / "tmp") == []


def test_a_folder_that_cannot_be_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(NotAcceptedError, match=r"file/mail cannot be written to: Not a directory\."):
        send(tmp_path / "file" / "mail")


def test_a_folder_that_vanishes_is_no_accepted_mail(tmp_path: Path) -> None:
    transport = MaildirTransport(tmp_path)
    transport.send(message(), readers(1), SendResult(1))
    (tmp_path / "tmp").rmdir()
    record = SendResult(2)

    with pytest.raises(NotAcceptedError):
        transport.send(message(), readers(2), record)

    assert bytes(record.outcomes) == bytes([ACCEPTED, WAITING])


def test_what_a_dead_process_left_is_cleared_away_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    old, fresh, foreign = (tmp_path / "tmp" / name for name in ("a.letter.1.1", "b.letter.1.2", "1234.M1P2.host"))
    for path in (old, fresh, foreign):
        path.write_text("From: half")
    long_ago = time.time() - STALE - 60
    os.utime(old, (long_ago, long_ago))
    os.utime(foreign, (long_ago, long_ago))

    send(tmp_path)

    assert names(tmp_path / "tmp") == [foreign.name, fresh.name]


def test_a_local_part_beyond_ascii_is_no_trouble_here(tmp_path: Path) -> None:
    record = SendResult(1)

    MaildirTransport(tmp_path).send(message(), [Recipient(1, "jörg@mail.example.org", "T" * 22)], record)

    assert set(record.outcomes) == {ACCEPTED}
