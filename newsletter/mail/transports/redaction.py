"""Redacting the words of other machines before they are kept: nobody named, one line, not long."""

from __future__ import annotations

import re
import ssl

from newsletter.mail.transports.people_redaction import hide_local_part, hide_people

HIDDEN = "…@…"
LONGEST = 300
"""Characters of a reason that are kept."""

_READ = 2000
_ADDRESS = re.compile(r"""(?:"[^"]*"|[^\s<>()\[\]{},;:"'@]+)(?:@|%40|=40)[^\s<>()\[\]{},;:"'@]+""", re.IGNORECASE)


def redact(text: str, address: str = "") -> str:
    """`text` on one line without anything that looks like an address, at most `LONGEST` characters long.

    `address` is the recipient that the text is about. It is removed whatever it looks like, and so is its local part,
    whole or in pieces ("user jane.doe unknown"). Names and numbers of persons are removed as far as they can be told.
    """
    text, address = _one_line(text), _one_line(address)
    if len(text) > _READ:
        text = text[:_READ].rpartition(" ")[0]  # never half an address at the cut
    if address:
        text = re.sub(re.escape(address), HIDDEN, text, flags=re.IGNORECASE)
    text = _ADDRESS.sub(HIDDEN, text)
    return hide_people(hide_local_part(text, address.rpartition("@")[0]))[:LONGEST]


def _one_line(text: str) -> str:
    """Collapse white space; controls become spaces too, since PostgreSQL takes no NUL."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def spoken(error: OSError) -> str:
    """The reason of a failed connection, in a few words without the name of a host or file."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLError):
        return (error.reason or "TLS failed").replace("_", " ").lower()
    return (error.strerror or "the connection was closed").lower()
