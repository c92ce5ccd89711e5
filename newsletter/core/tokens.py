"""Secrets that travel in links.

There are two kinds. A *reader token* is random, stored with the reader, and outlives a rotation of SECRET_KEY: it opens
the reader's own pages from any old mail. A *signed token* carries a purpose and an age and needs no row: it proves that
someone read a mail that was sent a moment ago.
"""

from __future__ import annotations

import os
import re
import string
from datetime import timedelta
from typing import Any

from itsdangerous import BadData, TimestampSigner, URLSafeTimedSerializer

from newsletter.core import clock
from newsletter.core.errors import NewsletterError

ALPHABET = string.ascii_letters + string.digits
LENGTH = 22
"""Characters of a random token: 62**22 is a little over 2**130."""

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


def clean_token(text: str) -> str:
    """A token without the signs that mail programs and people put into and after a link.

    These are line breaks and spaces (a wrapped line, quoted-printable's "=" at its end), and the full stop, bracket or
    quotation mark that ends a sentence. No token of ours holds or ends in any of them.
    """
    return _WRAPPED.sub("", text).rstrip(_AFTER_A_LINK)


class _ClockedSigner(TimestampSigner):
    """A signer that takes the time from our clock."""

    def get_timestamp(self) -> int:
        return int(clock.now().timestamp())


class TokenSigner:
    """Signs and reads tokens for one purpose. The newest key is the last, so that SECRET_KEY can be rotated."""

    def __init__(self, keys: tuple[str, ...], purpose: str) -> None:
        self._serializer = URLSafeTimedSerializer(list(keys), salt=f"newsletter.{purpose}", signer=_ClockedSigner)

    def sign(self, payload: Any) -> str:
        """A URL-safe token that carries `payload` (plain JSON data) and the time."""
        return self._serializer.dumps(payload)

    def read(self, token: str, max_age: timedelta) -> Any:
        """The payload. Raises TokenError for anything that this purpose did not sign within `max_age`."""
        try:
            return self._serializer.loads(clean_token(token), max_age=int(max_age.total_seconds()))
        except (BadData, UnicodeError) as error:  # half a surrogate pair, as JSON may hold, is no text
            raise TokenError("link.not_valid", "This link is not valid any more.") from error


def _random_text(length: int) -> str:
    found = b""
    while len(found) < length:
        found += os.urandom(length + length // 16 + 8).translate(_CHARACTERS, _LEFT_OUT)
    return found[:length].decode("ascii")
