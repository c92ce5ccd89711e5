"""Signed return paths (VERP): a bounce comes back to an address that names the mail's reader.

A digest's mail has `b-<batch>-<reader>-<mac>@domain`, a transactional mail `m-<reader>-<seconds>-<tag>-<mac>@domain`.
The numbers are opaque, and the signature cannot be forged. The key is derived from SUPPRESSION_KEY, which is never
rotated, so that a late bounce still finds its reader.
"""

from __future__ import annotations

import base64
import hmac
import re
from datetime import datetime
from typing import NamedTuple

_MAC_BYTES = 10
"""80 bits: 16 characters of base32, without padding."""
_TAG_BYTES = 5
_FORM = re.compile(
    rb"(?<![a-z0-9])(?:"
    rb"b-([1-9]\d{0,18})-([1-9]\d{0,18})-([a-z2-7]{16})"
    rb"|m-([1-9]\d{0,18})-(\d{1,11})-([a-z2-7]{8})-([a-z2-7]{16})"
    rb")(?![a-z0-9])",
    re.IGNORECASE,
)
"""Forwarders rewrite addresses ("SRS0=x=y=bounces.example.org=b-1-2-…@elsewhere"), so no domain is looked at."""


class ReturnPath(NamedTuple):
    """The batch and the reader that a digest's return path names."""

    batch: int
    reader: int


class MailReturnPath(NamedTuple):
    """The reader, the time and the address that a transactional mail's return path names."""

    reader: int
    sent_at: int
    """Seconds since 1970."""
    tag: str
    """`address_tag` of the address that the mail went to, which need not be the reader's present one."""


SignedPath = ReturnPath | MailReturnPath


def return_path_key(suppression_key: str) -> bytes:
    """The key of return paths: 32 bytes."""
    return hmac.digest(suppression_key.encode(), b"return-path", "sha256")


def signed_address(key: bytes, domain: str, batch: int, reader: int) -> str:
    """The envelope sender of a digest's mail to `reader`.

    It has at most 57 characters before the @ (RFC 5321 4.5.3.1.1 allows 64).
    """
    return f"b-{batch}-{reader}-{_mac(key, f'{batch}-{reader}')}@{domain}"


def signed_mail_address(key: bytes, domain: str, reader: int, address: str, at: datetime) -> str:
    """The envelope sender of a transactional mail about `reader` to `address`: at most 59 characters before the @."""
    named = f"{reader}-{int(at.timestamp())}-{address_tag(key, address)}"
    return f"m-{named}-{_mac(key, f'm-{named}')}@{domain}"


def address_tag(key: bytes, address: str) -> str:
    """A short keyed hash, by which an address is recognised and from which it cannot be worked out."""
    return _base32(hmac.digest(key, b"address " + address.lower().encode(), "sha256")[:_TAG_BYTES])


def find_signed(data: bytes, key: bytes) -> SignedPath | None:
    """The first address in `data` that `key` signed, of any domain and in any case.

    It reads bytes as they came, so that a mail is parsed only when it is about one of ours.
    """
    for match in _FORM.finditer(data):
        if found := _verified(match, key):
            return found
    return None


def _verified(match: re.Match[bytes], key: bytes) -> SignedPath | None:
    batch, reader, mac, mail_reader, sent_at, tag, mail_mac = (
        group.decode("ascii").lower() if group else "" for group in match.groups()
    )
    if batch:
        return ReturnPath(int(batch), int(reader)) if _is_mac(key, f"{batch}-{reader}", mac) else None
    if _is_mac(key, f"m-{mail_reader}-{sent_at}-{tag}", mail_mac):
        return MailReturnPath(int(mail_reader), int(sent_at), tag)
    return None


def _is_mac(key: bytes, signed: str, mac: str) -> bool:
    return hmac.compare_digest(mac, _mac(key, signed))


def _mac(key: bytes, signed: str) -> str:
    return _base32(hmac.digest(key, signed.encode(), "sha256")[:_MAC_BYTES])


def _base32(data: bytes) -> str:
    return base64.b32encode(data).decode().lower()
