"""Header fields in their wire form. No value can end its line and begin a header of its own.

Folding and encoded words are done by `email.header`, which keeps our text exactly. The newer interface of the standard
library reads a subject that looks like an encoded word as one, and breaks long URLs into encoded words.
"""

from __future__ import annotations

import re
from email.header import Header
from email.utils import quote

LONGEST = 998
"""Octets of a line at most, without its CRLF (RFC 5322 2.1.1)."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_PLAIN = re.compile(r"[!-~]{1,60}(?: [!-~]{1,60})*")
_ATOMS = re.compile(r"[\w!#$%&'*+/=?^`{|}~ -]+", re.ASCII)
_ASCII_ADDRESS = re.compile(r"[!#-'*+\-/-9=?A-Z^-~.]{1,64}@[A-Za-z0-9.-]{1,255}")
_NAME = re.compile(r"[A-Za-z0-9-]+")
_WORD_LINE = 64
"""Columns of an encoded word, so that the longest name of ours stands before it on a line of 76 (RFC 2047 2)."""


def field(name: str, value: str) -> bytes:
    """`Name: value` with its CRLF, folded at spaces.

    `value` is in wire form already: ASCII, or an address that SMTPUTF8 (RFC 6532) allows as it is.

    Raises ValueError for a control character in it, and for a line that would be too long.
    """
    if not _NAME.fullmatch(name):
        raise ValueError("a header's name has letters, digits and hyphens")
    _refuse_control(value)
    folded = value
    if value.isascii():
        folded = Header(value, "us-ascii", maxlinelen=76, header_name=name).encode(linesep="\r\n")
    line = f"{name}: {folded}\r\n".encode()
    if max(map(len, line.split(b"\r\n"))) > LONGEST:
        raise ValueError(f"the header {name} is too long")
    return line


def unstructured(text: str) -> str:
    """A subject in wire form: plain ASCII as it is, all else in encoded words. Raises ValueError as `field` does."""
    _refuse_control(text)
    plain = not text or (_PLAIN.fullmatch(text) and "=?" not in text)
    return text if plain else _encoded_words(text)


def phrase(text: str) -> str:
    """A name before `<…>` in wire form (RFC 5322 3.2.5): bare, quoted, or in encoded words."""
    _refuse_control(text)
    if not text.isascii() or "=?" in text:
        return _encoded_words(text)
    return text if _ATOMS.fullmatch(text) and text.strip() == text else f'"{quote(text)}"'


def mailbox(name: str, address: str) -> str:
    """`Name <address>`."""
    return f"{phrase(name)} <{wire_address(address)}>"


def wire_address(address: str) -> str:
    """The address in wire form: an international domain in ASCII (IDNA).

    A local part beyond ASCII stays as it is, and then the mail needs SMTPUTF8. Raises ValueError, without the address,
    for text that is no plain address.
    """
    if _ASCII_ADDRESS.fullmatch(address):
        return address
    from email_validator import validate_email

    try:
        parts = validate_email(address, check_deliverability=False, test_environment=True)
    except ValueError:
        raise ValueError("not a plain mail address") from None
    return f"{parts.local_part}@{parts.ascii_domain}"


def _encoded_words(text: str) -> str:
    return Header(text, "utf-8", maxlinelen=_WORD_LINE).encode(linesep="")


def _refuse_control(text: str) -> None:
    if _CONTROL.search(text):
        raise ValueError("a header cannot hold a line break or another control character")
