"""The progress of batches on this machine's disk: answers that are known here, and not yet in the ledger.

Where each message has an answer of its own, the ledger hears of the answers about once a second. In between, each
acceptance is one byte in a file (pwrite: 1.4 µs, measured; a SET in Valkey with its answer: 242 µs), so that kill -9
leaves one message in doubt and not a second's worth. An answer to a whole request is written there before the ledger
hears of it: the database may be silent. The file outlives the process, and this machine's next worker reads it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from newsletter.core.ids import BatchId
from newsletter.delivery.ledger.models import digest_key
from newsletter.mail.outcomes import ACCEPTED, WAITING


def batch_name(batch_id: BatchId, id_salt: bytes) -> str:
    """A batch's name in the folder: the numbers alone return in a database that is new or restored."""
    return f"{batch_id}-{digest_key(id_salt)}"


class ProgressFiles:
    """The progress files of a data folder: one for each attempt at a batch."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / "progress"

    def read(self, batch: str) -> set[int]:
        """The positions of a batch that were accepted in any attempt, as far as this machine knows."""
        positions: set[int] = set()
        for path in self.folder.glob(f"{batch}.*"):
            positions.update(position for position, code in enumerate(path.read_bytes()) if code == ACCEPTED)
        return positions

    def abandoned(self) -> Iterator[AbandonedProgress]:
        """The files whose writer is gone, also those without an answer. Each is locked while it is looked at."""
        for path in sorted(self.folder.glob("*.*")):
            try:
                with path.open("rb") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    yield _read_abandoned(path, file.read())
            except (OSError, ValueError):  # somebody writes it or has deleted it, or it is none of ours
                continue

    def open(self, batch: str, attempt: int) -> ProgressFile:
        """The file of one attempt. Raises OSError when the disk is full or may not be written to."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return ProgressFile(self.folder / f"{batch}.{attempt}")

    def delete(self, batch: str, attempt: int) -> None:
        """Delete the batch's files up to `attempt`, once the ledger knows what is in them."""
        for path in self.folder.glob(f"{batch}.*"):
            if _attempt_of(path) <= attempt:
                with suppress(FileNotFoundError):
                    path.unlink()


class AbandonedProgress(NamedTuple):
    """The answers that a dead process had written down of an attempt at a batch."""

    path: Path
    batch_id: BatchId
    digest_key: str
    attempt: int
    answers: dict[int, int]
    """Outcomes by position: ACCEPTED, or WAITING for a recipient to whom surely nothing was sent."""


def _read_abandoned(path: Path, content: bytes) -> AbandonedProgress:
    number, _, key = path.stem.partition("-")
    answers = {position: code for position, code in enumerate(content) if code in (ACCEPTED, WAITING)}
    return AbandonedProgress(path, BatchId(int(number)), key, _attempt_of(path), answers)


def _attempt_of(path: Path) -> int:
    return int(path.suffix[1:])


class ProgressFile:
    """The file of one attempt: one byte for each position, written as the answers come."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)  # for as long as this process lives

    def close(self) -> None:
        os.close(self._file)

    def record_accepted(self, position: int) -> None:
        """Keep that the recipient at `position` was accepted. Raises OSError when the disk is full."""
        os.pwrite(self._file, bytes([ACCEPTED]), position)

    def record_all(self, outcomes: Sequence[tuple[int, int]]) -> None:
        """Keep the answers to a whole request: positions with their outcomes. Raises OSError.

        Every outcome but ACCEPTED becomes WAITING: its reason would be lost, and the provider gives it again.
        """
        content = bytearray(max((position for position, _ in outcomes), default=-1) + 1)
        for position, code in outcomes:
            content[position] = ACCEPTED if code == ACCEPTED else WAITING
        os.pwrite(self._file, content, 0)
