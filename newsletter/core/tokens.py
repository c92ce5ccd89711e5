"""Secrets that travel in links.

There are two kinds. A *reader token* is random, stored with the reader, and outlives a rotation of SECRET_KEY: it opens
the reader's own pages from any old mail. A *signed token* carries a purpose and an age and needs no row: it proves that
someone read a mail that was sent a moment ago. It is sealed as well (AES-GCM) where it names rows by their numbers. The
token of a form names none: the cipher would take 5 MB and 20 ms of a process's first page (measured).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import os
import re
import string
from collections.abc import Collection
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from newsletter.core import clock
from newsletter.core.errors import NewsletterError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

ALPHABET = string.ascii_letters + string.digits
LENGTH = 22
"""Characters of a random token: 62**22 is a little over 2**130."""

TEST_TOKEN = "ThisLetterWasOnlyATest"  # noqa: S105 - no secret: it opens nothing, and its page says so
"""Stands in the links of tests. A random token is never like it."""

_WRAPPED = re.compile(r"=?[\s\u200b\u00ad\ufeff]+")
_AFTER_A_LINK = "=.,;:!?>)]}\"'*»”’"

SHARED_PREFIX = 4
"""Characters that tokens of rows inserted together share; the other 18 are still 107 bits of chance."""

_EVENLY = 256 - 256 % len(ALPHABET)
_CHARACTERS = bytes(ord(ALPHABET[byte % len(ALPHABET)]) for byte in range(256))
_LEFT_OUT = bytes(range(_EVENLY, 256))
"""Bytes that would make some characters likelier than others."""


class TokenError(NewsletterError):
    """A signed token is forged, mangled, meant for something else, or too old."""


def random_token() -> str:
    """A new token of `LENGTH` alphanumerics: safe in URLs, and one word to a mail program, which cuts nothing off."""
    return _random_text(LENGTH)


def random_tokens(count: int) -> list[str]:
    """Tokens for rows that are inserted together.

    They begin alike, so that they stand side by side in the index: a thousand of them change 20 of its pages instead of
    a thousand, which would make an import half as long again (measured).
    """
    together, each = _random_text(SHARED_PREFIX), LENGTH - SHARED_PREFIX
    text = _random_text(count * each)
    return [together + text[start : start + each] for start in range(0, count * each, each)]


def is_random_token(text: str) -> bool:
    """Whether `text` has the form of a random token (nothing is looked up)."""
    return len(text) == LENGTH and text.isascii() and text.isalnum()


def is_link_token(text: str) -> bool:
    """Whether `text` has the form of a token in a link: random or signed (nothing is looked up)."""
    return LENGTH <= len(text) <= LONGEST and _URLSAFE.fullmatch(text) is not None


def are_link_tokens(texts: Collection[str]) -> bool:
    """Whether all of `texts` have that form. A digest asks for each reader: all random ones are looked at together."""
    together = "".join(texts)
    if together.isascii() and together.isalnum() and all(len(text) == LENGTH for text in texts):
        return True
    return all(is_link_token(text) for text in texts)


def clean_token(text: str) -> str:
    """A token without the signs that mail programs and people put into and after a link.

    These are line breaks and spaces (a wrapped line, quoted-printable's "=" at its end), and the full stop, bracket or
    quotation mark that ends a sentence. No token of ours holds or ends in any of them.
    """
    return _WRAPPED.sub("", text).rstrip(_AFTER_A_LINK)


class TokenSigner:
    """Signs and reads tokens for one purpose. The newest key is the last, so that SECRET_KEY can be rotated.

    `is_open`: the payload can be read by whoever has the token, and changed by nobody.
    """

    def __init__(self, keys: tuple[str, ...], purpose: str, *, is_open: bool = False) -> None:
        self._keys, self._purpose = keys, purpose
        self._close, self._open = (_sign, _verify) if is_open else (_seal, _unseal)

    def sign(self, payload: Any) -> str:
        """A URL-safe token that carries `payload` (plain JSON data) and the time, and shows neither unless it is
        open."""
        content = json.dumps([_now(), payload], separators=(",", ":")).encode()
        closed = self._close(self._keys[-1], self._purpose, os.urandom(_NONCE), content)
        return base64.urlsafe_b64encode(closed).rstrip(b"=").decode()

    def read(self, token: str, max_age: timedelta) -> Any:
        """The payload. Raises TokenError for anything that this purpose did not sign within `max_age`."""
        token = clean_token(token)
        if len(token) <= LONGEST:
            try:
                signed_at, payload = self._read(token)
            except ValueError:
                pass
            else:
                if 0 <= _now() - signed_at <= max_age.total_seconds():
                    return payload
        raise TokenError("link.not_valid", "This link is not valid any more.")

    def _read(self, token: str) -> tuple[int, Any]:
        """When a token was signed, and its payload. Raises ValueError."""
        closed = _decoded(token)
        for key in reversed(self._keys):
            content = self._open(key, self._purpose, closed[:_NONCE], closed[_NONCE:])
            if content is not None:
                signed_at, payload = json.loads(content)
                return signed_at, payload
        raise ValueError("no key opens it")


LONGEST = 1000
"""Characters of a signed token at most: longer texts are not looked at."""
_NONCE, _MAC = 12, 16
"""Bytes of randomness, and of the proof."""
_URLSAFE = re.compile(r"[A-Za-z0-9_-]+")


def _decoded(token: str) -> bytes:
    """The bytes of a token in its one spelling. Raises ValueError."""
    if not _URLSAFE.fullmatch(token):
        raise ValueError("not a token")
    try:
        sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except binascii.Error as error:
        raise ValueError("not a token") from error
    if len(sealed) < _NONCE + _MAC or base64.urlsafe_b64encode(sealed).rstrip(b"=").decode() != token:
        raise ValueError("not a token")
    return sealed


def _sign(key: str, purpose: str, nonce: bytes, content: bytes) -> bytes:
    return nonce + content + _mac(key, purpose, nonce + content)


def _verify(key: str, purpose: str, nonce: bytes, rest: bytes) -> bytes | None:
    content, mac = rest[:-_MAC], rest[-_MAC:]
    return content if hmac.compare_digest(mac, _mac(key, purpose, nonce + content)) else None


def _mac(key: str, purpose: str, signed: bytes) -> bytes:
    return hmac.digest(key_of(key, f"open.{purpose}"), signed, "sha256")[:_MAC]


def _seal(key: str, purpose: str, nonce: bytes, content: bytes) -> bytes:
    return nonce + _cipher(key, purpose).encrypt(nonce, content, None)


def _unseal(key: str, purpose: str, nonce: bytes, rest: bytes) -> bytes | None:
    from cryptography.exceptions import InvalidTag

    try:
        return _cipher(key, purpose).decrypt(nonce, rest, None)
    except InvalidTag:
        return None


@lru_cache(64)
def _cipher(key: str, purpose: str) -> AESGCM:
    """The cipher of a purpose."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key_of(key, purpose))


@lru_cache(64)
def key_of(key: str, purpose: str) -> bytes:
    """The 32 bytes that are the key of one purpose, made from SECRET_KEY: no key serves two."""
    return hmac.digest(key.encode(), f"newsletter.{purpose}".encode(), "sha256")


def _now() -> int:
    return int(clock.now().timestamp())


def _random_text(length: int) -> str:
    found = b""
    while len(found) < length:
        found += os.urandom(length + length // 16 + 8).translate(_CHARACTERS, _LEFT_OUT)
    return found[:length].decode("ascii")
