"""Encodes a message: the parts that all recipients share once, so that each recipient's mail is a join.

The result is a complete RFC 5322 message: CRLF, lines of at most 998 octets, text before HTML, quoted-printable.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Protocol

from newsletter.core.tokens import is_link_token, is_random_token
from newsletter.mail.headers import LONGEST, field, mailbox, unstructured, wire_address
from newsletter.mail.message import Message, Recipient
from newsletter.mail.quoted_printable import encode_text, encode_token

_BOUNDARY = b"=_alternative"
"""Quoted-printable text never has "=_", so no body can hold it (RFC 2045 6.7 suggests such a boundary)."""


class Encoded(Protocol):
    """An encoded message, which makes each recipient's mail."""

    def render(self, recipient: Recipient) -> bytes: ...

    def pieces(self, recipient: Recipient) -> list[bytes]: ...


Encoder = Callable[[Message], Encoded]
"""`encode`, or an encoder that signs."""


@dataclass(frozen=True, slots=True)
class EncodedMessage:
    """The parts that all recipients share, cut where the token goes."""

    message: Message
    segments: tuple[bytes, ...]

    def render(self, recipient: Recipient) -> bytes:
        """This recipient's mail. No line of it begins with a dot. Raises ValueError as `pieces` does."""
        return b"".join(self.pieces(recipient))

    def pieces(self, recipient: Recipient) -> list[bytes]:
        """This recipient's mail, to be written piece by piece: copying 40 kB costs more than making the pieces.

        Raises ValueError if the address cannot stand in a header, or if the message needs a token and has none.
        """
        token = recipient.token
        if len(self.segments) > 1:
            fits = is_random_token if self.message.unsubscribe_url else is_link_token  # a long one breaks a header
            if not fits(token):
                raise ValueError("the message needs a recipient's token")
        address = wire_address(recipient.address)
        own = f"Message-ID: <{self.message.message_id(recipient)}>\r\nTo: {address}\r\n"
        pieces = [own.encode()] * (2 * len(self.segments))
        pieces[1::2] = self.segments
        pieces[2::2] = [encode_token(token)] * (len(self.segments) - 1)
        return pieces


def encode(message: Message) -> EncodedMessage:
    """Encode the parts that all recipients share.

    Raises ValueError for a value that cannot stand in a header, and for a placeholder without the form of a token.
    """
    placeholder = message.placeholder
    if placeholder and not is_random_token(placeholder):
        raise ValueError("the placeholder has not the form of a token")
    encoded = _fields(message) + _body(message)
    if not placeholder:
        return EncodedMessage(message, (encoded,))
    segments = tuple(encoded.split(placeholder.encode()))
    places = sum(text.count(placeholder) for text in (message.text, message.html, message.unsubscribe_url))
    if len(segments) != places + 1:
        raise ValueError("the placeholder stands where no token belongs")
    return EncodedMessage(message, segments)


def _fields(message: Message) -> bytes:
    fields = [field("From", mailbox(message.sender_name, message.sender))]
    if message.reply_to:
        fields.append(field("Reply-To", wire_address(message.reply_to)))
    fields.append(field("Subject", unstructured(message.subject)))
    fields.append(field("Date", format_datetime(message.date)))
    fields += [field(name, value) for name, value in message.headers]
    if message.unsubscribe_url:
        fields.append(_unsubscribe(message.unsubscribe_url))
        fields.append(field("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
    fields.append(b"MIME-Version: 1.0\r\n")
    return b"".join(fields)


def _unsubscribe(url: str) -> bytes:
    """The header List-Unsubscribe (RFC 8058): a URL in angle brackets, on one line, since a URL must not be folded."""
    line = f"List-Unsubscribe: <{url}>\r\n".encode("ascii")
    if any(c in url for c in "<> \t\r\n") or len(line) > LONGEST:
        raise ValueError("the unsubscribe address cannot stand in a header")
    return line


def _body(message: Message) -> bytes:
    text = _part(b"plain", encode_text(message.text, message.placeholder))
    if not message.html:
        return text if text.endswith(b"\r\n") else text + b"\r\n"
    html = _part(b"html", encode_text(message.html, message.placeholder))
    start = b'Content-Type: multipart/alternative; boundary="%b"\r\n\r\n' % _BOUNDARY
    parts = b"".join(b"--%b\r\n%b\r\n" % (_BOUNDARY, part) for part in (text, html))
    return start + parts + b"--%b--\r\n" % _BOUNDARY


def _part(subtype: bytes, body: bytes) -> bytes:
    head = b"Content-Type: text/%b; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    return head % subtype + body
