"""Reading the mails of a Maildir: those that the transport of that name has written (`mail.transports.maildir`).

A folder has no order: its newest mails are found by looking at all files (1 s for 100,000, measured on a busy machine).
So what was found is kept until the folder changes.
"""

from __future__ import annotations

import email
import heapq
import os
import re
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from newsletter.core.errors import NotFoundError
from newsletter.core.languages import gettext_noop
from newsletter.core.text_direction import keep_direction

MOST_LISTED = 2000
"""Mails that are listed and searched, the newest."""
_SETTLED_AFTER = 2.0
"""Seconds after which a folder's time tells each change from the last: file systems write it in steps."""
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


class _Listing(NamedTuple):
    """The content of a folder at a moment."""

    total: int
    newest: Sequence[MailFile]
    """MOST_LISTED at most, the newest first."""


def count_mails(folder: Path) -> int:
    """The number of mails in a Maildir."""
    return _listing(folder).total


def newest_mails(folder: Path, count: int, *, after: int = 0, words: str = "") -> list[MailHead]:
    """The newest mails but the first `after`; with `words` those that have them in subject, address or Message-ID."""
    newest = _listing(folder).newest
    if not words:
        return [head for each in newest[after : after + count] if (head := _head_of(each)) is not None]
    wanted = words.casefold()
    heads = (head for each in newest if (head := _head_of(each)) is not None)
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
    return new if new.is_file() else next((folder / "cur").glob(f"{name}:*"), None)


def _listing(folder: Path) -> _Listing:
    changed = tuple(place.stat().st_mtime_ns for place in (folder / "new", folder / "cur") if place.exists())
    settled = time.time_ns() - max(changed, default=0) > _SETTLED_AFTER * 1e9
    return _kept_listing(folder, changed) if settled else _read_listing(folder)


@lru_cache(1)
def _kept_listing(folder: Path, _changed: tuple[int, ...]) -> _Listing:
    return _read_listing(folder)


def _read_listing(folder: Path) -> _Listing:
    total = 0

    def counted() -> Iterator[MailFile]:
        nonlocal total
        for each in _files(folder):
            total += 1
            yield each

    newest = heapq.nlargest(MOST_LISTED, counted())
    return _Listing(total, newest)


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
