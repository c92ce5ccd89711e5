"""An editor at the command line, who settles what is in doubt by looking at the provider's own record."""

from __future__ import annotations

import time

from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from newsletter.cli import cli
from newsletter.core.runtime import runtime
from newsletter.delivery.ledger.models import Batch, BatchState
from newsletter.digests.models import Digest, DigestStatus, PausedReason
from tests.chaos.providers import Provider
from tests.chaos.timeline import Timeline

LOOKS_AFTER = 3.0
"""Seconds for which a batch is in doubt before the editor looks: until then its events may settle it."""


class Editor:
    """Works on one digest. While the database is away, commands fail and are given again later."""

    def __init__(self, app: Flask, provider: Provider, digest_id: int, timeline: Timeline) -> None:
        self.settled = 0
        self.resumed = 0
        self.needless: list[str] = []
        """Why the digest had paused itself, where nobody had to do anything: a failure of the service."""
        self._app = app
        self._provider = provider
        self._digest = str(digest_id)
        self._timeline = timeline
        self._since: dict[tuple[int, int], float] = {}

    def look(self) -> None:
        """Settle what has been in doubt for a while, and resume what paused itself."""
        try:
            with runtime().db.reading() as session:
                digest = session.get_one(Digest, int(self._digest))
                paused = digest.status == DigestStatus.PAUSED and digest.paused_reason != PausedReason.EDITOR
                rows = session.execute(
                    select(Batch.id, Batch.attempt).where(
                        Batch.state == BatchState.IN_DOUBT, Batch.digest_id == digest.id
                    )
                )
                doubts = [(batch, attempt) for batch, attempt in rows]
        except DBAPIError:
            return
        if paused and self.command("resume"):
            self.resumed += 1
            if self._provider.needs_person(digest.paused_note or ""):
                self._provider.mend()
            else:
                self.needless.append(f"{digest.paused_reason}: {digest.paused_note}")
        now = time.monotonic()
        self._since = {doubt: self._since.get(doubt, now) for doubt in doubts}
        for (batch, attempt), since in self._since.items():
            if now - since > LOOKS_AFTER:
                answer = "--sent" if self._provider.took(batch, attempt) else "--resend"
                if self.command("resolve", str(batch), answer):
                    self.settled += 1

    def retry_refused(self) -> bool:
        """Send again to those whom a block list refused twice before it was mended; whether there were any."""
        return self.command("retry", "--reason", "550 5.7.1")

    def command(self, name: str, *words: str) -> bool:
        """`newsletter digests NAME ID WORDS`; whether it went through."""
        result = self._app.test_cli_runner().invoke(cli, ["digests", name, self._digest, *words])
        self._timeline.add(f"editor: {name} {' '.join(words)}: {' '.join(result.output.split())[:100]}")
        return result.exit_code == 0
