"""The messages that a worker has at hand: read once for each digest, assembled once for each edition."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.core.config import Settings
from newsletter.core.ids import DigestId
from newsletter.delivery.ledger.models import EditionKey, RenderedDigestRow
from newsletter.digests.rendering import RenderedDigest, to_message
from newsletter.mail.message import Message


class _Frozen(NamedTuple):
    digest: RenderedDigest
    id_salt: bytes
    date: datetime


class MessageCache:
    """A small cache: a draining job sends many batches of few digests."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._frozen: dict[tuple[DigestId, str], _Frozen] = {}
        self._message = lru_cache(maxsize=32)(self._assemble)

    def message(self, session: Session, digest_id: DigestId, edition: EditionKey) -> Message:
        """The message of an edition, as it was frozen."""
        key = (digest_id, edition.language)
        if key not in self._frozen:
            query = select(RenderedDigestRow).where(
                RenderedDigestRow.digest_id == digest_id, RenderedDigestRow.language == edition.language
            )
            row = session.scalars(query).one()
            self._frozen[key] = _Frozen(RenderedDigest.from_json(row.content), row.id_salt, row.created_at)
        return self._message(digest_id, edition)

    def _assemble(self, digest_id: DigestId, edition: EditionKey) -> Message:
        frozen = self._frozen[digest_id, edition.language]
        return to_message(
            frozen.digest, edition.mask, edition.format, self._settings, id_salt=frozen.id_salt, date=frozen.date
        )
