"""Signed return paths (VERP): a bounce comes back to an address that names its batch and its reader.

The form is `b-<batch>-<reader>-<mac>@domain`. The numbers are opaque, and the signature cannot be forged. The key is
derived from SUPPRESSION_KEY, which is never rotated, so that a late bounce still finds its reader.
"""

from __future__ import annotations

import base64
import hmac
import re
from typing import NamedTuple

_MAC_BYTES = 10
"""80 bits: 16 characters of base32, without padding."""
_FORM = re.compile(r"b-([1-9]\d{0,18})-([1-9]\d{0,18})-([a-z2-7]{16})", re.ASCII)


class ReturnPath(NamedTuple):
    """The batch and the reader that a return path names."""

    batch: int
    reader: int


def return_path_key(suppression_key: str) -> bytes:
    """The key of return paths: 32 bytes."""
    return hmac.digest(suppression_key.encode(), b"return-path", "sha256")


def signed_address(key: bytes, domain: str, batch: int, reader: int) -> str:
    """The envelope sender of a mail to `reader`: at most 57 characters before the @ (RFC 5321 4.5.3.1.1 allows 64)."""
    return f"b-{batch}-{reader}-{_mac(key, batch, reader)}@{domain}"


def read_signed_address(address: str, key: bytes) -> ReturnPath | None:
    """The batch and reader of an address, of any domain and in any case; None unless `key` signed it."""
    match = _FORM.fullmatch(address.strip().rpartition("@")[0].lower())
    if match is None:
        return None
    found = ReturnPath(int(match[1]), int(match[2]))
    return found if hmac.compare_digest(match[3], _mac(key, *found)) else None


def _mac(key: bytes, batch: int, reader: int) -> str:
    digest = hmac.digest(key, f"{batch}-{reader}".encode(), "sha256")
    return base64.b32encode(digest[:_MAC_BYTES]).decode().lower()
