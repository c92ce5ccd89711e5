"""Reading the mails of a Maildir: those that the transport of that name has written (`mail.transports.maildir`)."""

from __future__ import annotations

import email
import heapq
import os
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import NamedTuple

from newsletter.core.errors import NotFoundError
from newsletter.core.languages import gettext_noop
from newsletter.core.text_direction import keep_direction

MOST_SEARCHED = 2000
"""Mails in which a search looks, the newest."""
_HEAD = 16_384
"""Bytes of a mail that hold its head."""
_NAME = re.compile(r"[A-Za-z0-9._=+-]{1,200}")
NO_SUCH_MAIL = gettext_noop("There is no such email in the folder (any more).")


class MailFile(NamedTuple):
    """A file of the folder. They sort by their time."""

    written: float
    """Seconds since 1970."""
    name: str
    """Without the flags of mail programs."""
    path: str


class MailHead(NamedTuple):
    """The head of a mail, as a list shows it."""

    name: str
    written_at: datetime
    subject: str
    to: str
    is_test: bool


class StoredMail(NamedTuple):
    """A whole mail."""

    head: MailHead
    sender: str
    headers: Sequence[tuple[str, str]]
    html: str
    text: str
    source: bytes


def count_mails(folder: Path) -> int:
    """The number of mails in a Maildir."""
    return sum(1 for _ in _files(folder))


def newest_mails(folder: Path, count: int, *, after: int = 0, words: str = "") -> list[MailHead]:
    """The newest mails but the first `after`; with `words` those that have them in subject, address or Message-ID."""
    if not words:
        files = heapq.nlargest(after + count, _files(folder))[after:]
        return [head for each in files if (head := _head_of(each)) is not None]
    wanted = words.casefold()
    searched = heapq.nlargest(MOST_SEARCHED, _files(folder))
    heads = (head for each in searched if (head := _head_of(each)) is not None)
    found = [head for head in heads if wanted in f"{head.subject}\n{head.to}\n{head.name}".casefold()]
    return found[after : after + count]


def read_mail(folder: Path, name: str) -> StoredMail:
    """A mail by its name. Raises NotFoundError."""
    path = _path_of(folder, name)
    if path is None:
        raise NotFoundError("mail.not_stored", NO_SUCH_MAIL)
    try:
        source, written = path.read_bytes(), path.stat().st_mtime
    except OSError:
        raise NotFoundError("mail.not_stored", NO_SUCH_MAIL) from None
    message = email.message_from_bytes(source, policy=default)
    assert isinstance(message, EmailMessage)
    return StoredMail(
        _as_head(message, name, written),
        _header(message, "From"),
        [(key, keep_direction(str(value))) for key, value in message.items()],
        _part(message, "html"),
        _part(message, "plain"),
        source,
    )


def _path_of(folder: Path, name: str) -> Path | None:
    if not _NAME.fullmatch(name):
        return None
    new = folder / "new" / name
    if new.is_file():
        return new
    return next((Path(each.path) for each in _files(folder) if each.name == name), None)


def _files(folder: Path) -> Iterator[MailFile]:
    for place in ("new", "cur"):
        try:
            entries = os.scandir(folder / place)
        except FileNotFoundError:
            continue
        with entries:
            for entry in entries:
                try:
                    yield MailFile(entry.stat().st_mtime, entry.name.partition(":")[0], entry.path)
                except FileNotFoundError:  # a mail program moves it
                    continue


def _head_of(file: MailFile) -> MailHead | None:
    try:
        with Path(file.path).open("rb") as stream:
            head = stream.read(_HEAD).partition(b"\r\n\r\n")[0]
    except OSError:
        return None
    message = email.message_from_bytes(head + b"\r\n\r\n", policy=default)
    assert isinstance(message, EmailMessage)
    return _as_head(message, file.name, file.written)


def _as_head(message: EmailMessage, name: str, written: float) -> MailHead:
    at = datetime.fromtimestamp(written, UTC)
    return MailHead(name, at, _header(message, "Subject"), _header(message, "To"), "X-Newsletter-Test" in message)


def _header(message: EmailMessage, name: str) -> str:
    return keep_direction(str(message.get(name, "")))


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()) if isinstance(part, EmailMessage) else ""
