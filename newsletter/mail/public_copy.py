"""The public copy of a message: each octet as it was sent, without what belongs to one recipient."""

from __future__ import annotations

from newsletter.core import public_paths
from newsletter.core.config import Settings
from newsletter.mail.encoding import encode
from newsletter.mail.message import Message

LEFT_OUT = "(left out)"
"""Stands for the recipient, the Message-ID, and each token of a reader's links."""


def public_copy(message: Message) -> bytes:
    """The message in wire form (RFC 5322, CRLF), the same for all its recipients.

    A signature that is made for each recipient (DKIM) is no part of it.
    """
    left_out = LEFT_OUT.encode()
    own = b"Message-ID: %b\r\nTo: %b\r\n" % (left_out, left_out)
    return own + left_out.join(encode(message).segments)


def personal_addresses(settings: Settings) -> tuple[str, ...]:
    """The addresses in a public copy that may tell readers apart: preferences and unsubscribing."""
    return tuple(settings.url(path(LEFT_OUT)) for path in (public_paths.preferences, public_paths.unsubscribing))
