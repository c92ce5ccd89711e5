"""Quoted-printable with places for a token (RFC 2045 6.7).

A token stands on a line of its own, between soft line breaks, so that it can be put in after encoding whatever stands
around it. Encoding works line by line, and editions of a digest share most of their lines: they are remembered.
"""

from __future__ import annotations

import binascii
import re
from functools import lru_cache

SOFT_BREAK = b"=\r\n"

_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_RISKY_STARTS = re.compile(rb"^(?:\.|F(?=rom ))", re.MULTILINE)


def encode_text(text: str, placeholder: str) -> bytes:
    """`text` in lines of at most 76 columns that end in CRLF; the last one ends where the text does.

    Each `placeholder` (letters and digits; empty for none) is kept, alone on its line. No line begins with a dot, so
    SMTP has none to double, or with "From ", which mbox files would change.
    """
    lines = _LINE_ENDS.split(text)
    if not placeholder:
        return b"\r\n".join(map(_encode, lines))
    return b"\r\n".join(_encode_around(line, placeholder) if placeholder in line else _encode(line) for line in lines)


def _encode_around(line: str, placeholder: str) -> bytes:
    pieces = [_encode(piece) for piece in line.split(placeholder)]
    token = placeholder.encode()
    parts = [pieces[0]]
    for piece in pieces[1:]:
        parts += [token, piece]
    return SOFT_BREAK.join(part for part in parts if part)


@lru_cache(maxsize=2048)
def _encode(line: str) -> bytes:
    encoded = binascii.b2a_qp(line.encode()).replace(b"\n", b"\r\n")
    return _RISKY_STARTS.sub(_escape, encoded)


def _escape(start: re.Match[bytes]) -> bytes:
    """Escaped it is two columns longer, so the line is broken there. What follows is never the end: b2a_qp itself
    escapes a dot that stands alone."""
    return b"=%02X" % start[0][0] + SOFT_BREAK
