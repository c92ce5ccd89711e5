"""A Maildir: each message a file, named after its Message-ID, so that a repeat is no second mail.

The rules are those of https://cr.yp.to/proto/maildir.html: written in tmp/, then renamed into new/; a mail program
moves it to cur/ and adds ":2," and flags. A kill at any instruction leaves a whole mail or none; a loss of power may
cost the last seconds' files, since nothing waits for the disk: this is for demonstrations, tests and local reading.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from newsletter.mail.encoding import Encoded, Encoder, encode
from newsletter.mail.headers import wire_address
from newsletter.mail.message import Message, Recipient
from newsletter.mail.outcomes import SendResult
from newsletter.mail.tracking import Tracking
from newsletter.mail.transports.base import NOT_AN_ADDRESS
from newsletter.mail.transports.deadline import Deadline
from newsletter.mail.transports.errors import NotAcceptedError

STALE = 3600.0
"""Seconds after which a file of ours in tmp/ belongs to a process that is gone."""

_SUFFIX = ".letter"
"""Tells our files in tmp/ from those of other programs."""
_numbers = itertools.count()


class MaildirTransport:
    """Writes into `folder`, which is made at the first send, readable by its owner alone."""

    name = "maildir"
    all_or_nothing = False
    idempotent = True
    unrecorded_tracking = Tracking.NOT_OFFERED

    def __init__(self, folder: Path, deadline: float = 5.0, encoder: Encoder = encode) -> None:
        self.folder = folder
        self._tmp, self._new, self._cur = (os.path.join(folder, name) for name in ("tmp", "new", "cur"))
        self.deadline = self.silence = deadline
        self._encode = encoder
        self._ready = False
        self._cur_names: set[str] = set()
        self._cur_changed = -1

    def send(self, message: Message, recipients: Sequence[Recipient], result: SendResult) -> None:
        """See Transport.send. Raises NotAcceptedError when the folder cannot be written to."""
        encoded, deadline = self._encode(message), Deadline(self.deadline)
        try:
            self._prepare()
            for index in result.waiting():
                if deadline.passed or not result.may_continue():
                    return
                try:
                    wire_address(recipients[index].address)
                except ValueError:
                    result.refused(index, NOT_AN_ADDRESS)
                else:
                    result.requested(Tracking.NOT_OFFERED)
                    self._keep(message.message_id(recipients[index]), encoded, recipients[index])
                    result.accepted(index)
        except OSError as error:
            raise NotAcceptedError(
                "maildir.unwritable",
                "The mail folder %(folder)s cannot be written to: %(why)s.",
                folder=self.folder,
                why=error.strerror,
            ) from error

    def close(self) -> None:
        """Nothing is open."""

    def _prepare(self) -> None:
        if self._ready:
            return
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("tmp", "new", "cur"):
            (self.folder / name).mkdir(mode=0o700, exist_ok=True)
        long_ago = time.time() - STALE
        for path in (self.folder / "tmp").glob(f"*{_SUFFIX}.*"):
            with suppress(FileNotFoundError):  # another process cleans up too
                if path.stat().st_mtime < long_ago:
                    path.unlink()
        self._ready = True

    def _keep(self, message_id: str, encoded: Encoded, recipient: Recipient) -> None:
        name = file_name(message_id)
        if not self._has(name):
            self._write(name, encoded.render(recipient))

    def _has(self, name: str) -> bool:
        return os.path.exists(f"{self._new}/{name}") or name in self._in_cur()

    def _in_cur(self) -> set[str]:
        """The names in cur/ without their flags; read again only when the folder has changed."""
        changed = os.stat(self._cur).st_mtime_ns
        if changed != self._cur_changed:
            self._cur_names = {name.partition(":")[0] for name in os.listdir(self._cur)}
            self._cur_changed = changed
        return self._cur_names

    def _write(self, name: str, content: bytes) -> None:
        """Write a file in one step. Each attempt has its own in tmp/: two workers may have the same job."""
        tmp = f"{self._tmp}/{name}{_SUFFIX}.{os.getpid()}.{next(_numbers)}"
        try:
            with open(tmp, "xb") as file:
                file.write(content)
            os.rename(tmp, f"{self._new}/{name}")
        except BaseException:
            with suppress(OSError):
                os.unlink(tmp)
            raise


def file_name(message_id: str) -> str:
    """The name of a message's file: the left part of its Message-ID, which is unique by itself."""
    return message_id.partition("@")[0]
