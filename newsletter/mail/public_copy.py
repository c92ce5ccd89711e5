"""The public copy of a message: each octet as it was sent, without what belongs to one recipient."""

from __future__ import annotations

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
