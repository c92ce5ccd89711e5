"""Message-IDs that name a recipient to us alone.

Complaints often come without any address, but with the Message-ID of the mail. So the name before its @ can be read
back by the salt that made it: a tag of 8 bytes, and the recipient's number hidden by a mask that is derived from it.
"""

from __future__ import annotations

import hashlib
import hmac

_TAG = b"tag"
_MASK = b"mask"


def message_name(salt: bytes, recipient_id: int) -> str:
    """The part of a Message-ID before its @: 32 characters, the same each time."""
    number = recipient_id.to_bytes(8, "big")
    tag = _keyed(salt, _TAG, number)
    return (tag + _xor(number, _keyed(salt, _MASK, tag))).hex()


def recipient_of(name: str, salt: bytes) -> int | None:
    """The recipient whom a Message-ID names; None unless `salt` made it."""
    try:
        data = bytes.fromhex(name)
    except ValueError:
        return None
    if len(data) != 16:
        return None
    tag, masked = data[:8], data[8:]
    number = _xor(masked, _keyed(salt, _MASK, tag))
    return int.from_bytes(number, "big") if hmac.compare_digest(tag, _keyed(salt, _TAG, number)) else None


def _keyed(salt: bytes, use: bytes, data: bytes) -> bytes:
    return hashlib.blake2b(data, key=salt, digest_size=8, person=use).digest()


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
