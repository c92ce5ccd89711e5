"""Fingerprints of the two keys in the database, so that a host with another key is noticed when it starts.

With another SUPPRESSION_KEY suppressed addresses would not be recognised, and would get mail. With another SECRET_KEY
half of the links would not work. A fingerprint is a salted scrypt hash, so that a stolen database is of little help in
guessing the keys.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import NamedTuple

from sqlalchemy import LargeBinary, Text, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from newsletter.core.config import Settings
from newsletter.core.db import Base, Database, insert_ignoring, table_of
from newsletter.core.errors import ConfigurationError

SUPPRESSION, SECRET = "SUPPRESSION_KEY", "SECRET_KEY"


class KeyFingerprint(Base):
    """The fingerprint of the key that all hosts use."""

    __tablename__ = "key_fingerprints"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    """The name of the setting."""
    salt: Mapped[bytes] = mapped_column(LargeBinary)
    digest: Mapped[bytes] = mapped_column(LargeBinary)


_TABLE = table_of(KeyFingerprint)
"""Not the mapped class: the keys are compared while other modules are imported, and the first query of a mapped class
wants all of them to be there."""


class _Fingerprint(NamedTuple):
    salt: bytes
    digest: bytes


def check_keys(db: Database, settings: Settings) -> None:
    """Compare this host's keys with those that the database knows; the first start writes them down.

    Raises ConfigurationError for another SUPPRESSION_KEY, and for another SECRET_KEY unless the known one is among
    SECRET_KEY_FALLBACKS: then the new one is taken over.
    """
    with db.transaction() as session:
        known = _known(session, SUPPRESSION, settings.suppression_key)
        if not _is_key(known, settings.suppression_key):
            raise ConfigurationError(
                "setting.other_suppression_key",
                "SUPPRESSION_KEY is not the one that this database was used with: addresses that must not be mailed "
                "would not be recognised.",
            )
        known = _known(session, SECRET, settings.secret_key)
        if _is_key(known, settings.secret_key):
            return
        if not any(_is_key(known, key) for key in settings.secret_key_fallbacks):
            raise ConfigurationError(
                "setting.other_secret_key",
                "SECRET_KEY is not the one that this database was used with, nor is that one among "
                "SECRET_KEY_FALLBACKS: links in mails would not work.",
            )
        session.execute(
            update(_TABLE)
            .where(_TABLE.c.name == SECRET, _TABLE.c.digest == known.digest)
            .values(_fingerprint(settings.secret_key))
        )


def _known(session: Session, name: str, key: str) -> _Fingerprint:
    """The fingerprint in the database; the first time that of `key`, which is stored."""
    query = select(_TABLE.c.salt, _TABLE.c.digest).where(_TABLE.c.name == name)
    found = session.execute(query).one_or_none()
    if found is None:
        insert_ignoring(session, KeyFingerprint, [{"name": name, **_fingerprint(key)}])
        found = session.execute(query).one()
    return _Fingerprint(*found)


def _fingerprint(key: str) -> dict[str, bytes]:
    salt = secrets.token_bytes(16)
    return {"salt": salt, "digest": _hash(key, salt)}


def _is_key(known: _Fingerprint, key: str) -> bool:
    return hmac.compare_digest(known.digest, _hash(key, known.salt))


def _hash(key: str, salt: bytes) -> bytes:
    """Hash a key, which takes 16 MiB and some 50 ms: little at a start, and much for somebody who guesses keys."""
    return hashlib.scrypt(key.encode(), salt=salt, n=1 << 14, r=8, p=1, dklen=32)
