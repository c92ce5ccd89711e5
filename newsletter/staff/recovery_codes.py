"""Recovery codes: ten for each person, each stands in once for the code app. Only hashes are stored."""

from __future__ import annotations

import base64
import hashlib
import os
import unicodedata

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from newsletter.staff.models import RecoveryCode

COUNT = 10
_BYTES = 15
"""120 bits. From 112 on a plain hash is enough (ASVS 6.5.2): nobody can try them through."""


def make_codes(session: Session, member_id: int) -> list[str]:
    """Ten new codes, like "k3dm-7qxa-…"; the old ones end. They are shown once."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.staff_member_id == member_id))
    codes = [_new_code() for _ in range(COUNT)]
    session.add_all(RecoveryCode(code_hash=_hash(member_id, code), staff_member_id=member_id) for code in codes)
    session.flush()
    return codes


def use_code(session: Session, member_id: int, code: str) -> bool:
    """Whether this is a code of the person's that was not used. It is used up in the same statement."""
    statement = delete(RecoveryCode).where(RecoveryCode.code_hash == _hash(member_id, code))
    return session.connection().execute(statement).rowcount == 1


def count_codes(session: Session, member_id: int) -> int:
    """How many are not used yet."""
    query = select(func.count()).select_from(RecoveryCode).where(RecoveryCode.staff_member_id == member_id)
    return session.scalar(query) or 0


def is_recovery_code(text: str) -> bool:
    """Whether a text has the form of a recovery code, and not of an app's."""
    return len(_clean(text)) == _BYTES * 8 // 5


def _new_code() -> str:
    text = base64.b32encode(os.urandom(_BYTES)).decode().lower()
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def _clean(code: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", code[:128]))).lower()


def _hash(member_id: int, code: str) -> bytes:
    return hashlib.sha256(f"{member_id} {_clean(code)}".encode()).digest()
