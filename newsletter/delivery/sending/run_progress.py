"""The progress file of one run, as far as there is one: without it a run goes on, if more slowly."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from newsletter.delivery.sending.preparing import PreparedBatch
from newsletter.delivery.sending.progress_files import ProgressFile, batch_name
from newsletter.delivery.sending.sending_context import SendingContext
from newsletter.mail.outcomes import WAITING

log = logging.getLogger(__name__)


class RunProgress:
    """Opens the file, writes to it, and deletes it once the ledger knows what is in it."""

    def __init__(self, context: SendingContext, batch: PreparedBatch) -> None:
        self._files = context.progress
        self._claim = batch.claim
        self._name = batch_name(batch.claim.batch_id, batch.message.id_salt)
        # No file is needed where a repeat does no harm, or where the provider keeps the mail until its time: a request
        # without an answer is withdrawn there, so nobody has received it.
        self._is_kept = not (context.transport.idempotent or batch.message.provider_batch_id)
        self._is_broken = False
        self._file: ProgressFile | None = None

    def open(self) -> None:
        """Open the file. While it is open nobody else reports what is in it."""
        if not self._is_kept:
            return
        try:
            self._file = self._files.open(self._name, self._claim.attempt)
        except OSError as error:
            self._stop_recording(error)

    def record_accepted(self, position: int) -> bool:
        """Keep that a recipient was accepted. False when it should be kept here and cannot be."""
        if self._file is not None and not self._is_broken:
            try:
                self._file.record_accepted(position)
            except OSError as error:
                self._stop_recording(error)
        return not self._is_broken

    def record_all(self, outcomes: Sequence[tuple[int, int]]) -> None:
        """Keep the answers to a whole request: positions with their outcomes."""
        if self._file is None:
            return
        try:
            self._file.record_all(outcomes)
        except OSError as error:
            self._stop_recording(error)

    def record_unsent(self, positions: Sequence[int]) -> None:
        """Leave a file that says of the recipients of a request that it was not made."""
        if positions:
            self.open()
            self.record_all([(position, WAITING) for position in positions])
            self.close()

    def delete(self) -> None:
        """Delete the files of this attempt and earlier ones.

        Call it before `close`, once the ledger has committed the outcomes, and not when another worker has the batch.
        """
        if self._file is not None:
            self._files.delete(self._name, self._claim.attempt)

    def close(self) -> None:
        """Close the file: from now on others may report what is in it."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _stop_recording(self, error: OSError) -> None:
        """Log the failure, and write nothing more. An open file stays open, so that nobody takes this run for dead."""
        log.warning("no progress of batch %d can be kept on this disk: %s", self._claim.batch_id, error.strerror)
        self._is_broken = True
