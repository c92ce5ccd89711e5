"""Quoted-printable with places for a token (RFC 2045 6.7).

A token stands on a line of its own, between soft line breaks, so that it can be put in after the text around it is
encoded. Text is encoded line by line. Editions of a digest share most of their lines, so encoded lines are cached.
"""

from __future__ import annotations

import binascii
import re
from functools import lru_cache

SOFT_BREAK = b"=\r\n"

_RISKY_LINES = re.compile(rb"^(\.+(?:F(?=rom ))?|F(?=rom ))([^\r\n]*)", re.MULTILINE)
_WIDTH = 75
"""Columns of a line before its soft break; a multiple of the three that an escape takes."""


def encode_text(text: str, placeholder: str) -> bytes:
    """`text` in lines of at most 76 columns that end in CRLF; the last one ends where the text does.

    Each `placeholder` (letters and digits; empty for none) is kept, alone on its line. No line begins with a dot, which
    SMTP would have to double, or with "From ", which mbox files would change.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if not placeholder:
        return b"\r\n".join(map(_encode, lines))
    return b"\r\n".join(_encode_around(line, placeholder) if placeholder in line else _encode(line) for line in lines)


def encode_token(token: str) -> bytes:
    """A recipient's token as it stands in the place of the placeholder: a long one on several lines."""
    encoded = token.encode("ascii")
    if len(encoded) <= _WIDTH:
        return encoded
    return SOFT_BREAK.join(encoded[start : start + _WIDTH] for start in range(0, len(encoded), _WIDTH))


def _encode_around(line: str, placeholder: str) -> bytes:
    *before, last = line.split(placeholder)
    token = placeholder.encode()
    parts = [_encode_open(piece) + token for piece in before]
    return SOFT_BREAK.join(part for part in (*parts, _encode(last)) if part)


def _encode_open(piece: str) -> bytes:
    """`piece` with a soft line break at its end, unless it is empty."""
    encoded = _encode(piece + "x")[:-1]  # the x keeps a column free for the break
    return encoded if not encoded or encoded.endswith(SOFT_BREAK) else encoded + SOFT_BREAK


@lru_cache(maxsize=2048)
def _encode(line: str) -> bytes:
    encoded = binascii.b2a_qp(line.encode()).replace(b"\n", b"\r\n")
    return _RISKY_LINES.sub(_escape, encoded)


def _escape(line: re.Match[bytes]) -> bytes:
    """The line with its start escaped. That makes it longer, so the rest goes to a line of its own."""
    start, rest = line.groups()
    escaped = b"".join(b"=%02X" % byte for byte in start)
    lines = [escaped[i : i + _WIDTH] for i in range(0, len(escaped), _WIDTH)]
    if rest in (b"", b"="):
        lines[-1] += rest
    else:
        lines.append(rest)
    return SOFT_BREAK.join(lines)
