"""The parts of a report: its fields, its words, and the mail that it encloses.

The standard library reads the fields of a message/delivery-status that came as it is. Other servers encode them, or
send message/global-delivery-status (RFC 6533), so here they are read from the part's bytes.
"""

from __future__ import annotations

import base64
import quopri
import re
from collections.abc import Iterator
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import HeaderParser

_BLANK_LINE = re.compile(r"\r?\n[ \t]*\r?\n")
_LONGEST_FIELDS = 100_000
_LONGEST_TEXT = 20_000
"""Characters of a report in words."""


def field_blocks(part: Message) -> list[Message]:
    """The blocks of fields in a part such as message/delivery-status, each as the headers of a message."""
    text = _bytes_of(part).decode("utf-8", "replace")[:_LONGEST_FIELDS]
    blocks = [HeaderParser().parsestr(block.strip() + "\n") for block in _BLANK_LINE.split(text.strip())]
    return [block for block in blocks if len(block)]


def field_value(block: Message, name: str) -> str:
    """A field's value with encoded words read (RFC 2047); empty when there is none."""
    value = str(block.get(name, "")).strip()
    if "=?" not in value:
        return value
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, ValueError):
        return value


def own_parts(message: Message) -> Iterator[Message]:
    """The parts of a report without those of the mail that it encloses."""
    waiting = [message]
    while waiting:
        part = waiting.pop()
        yield part
        payload = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(payload, list):
            waiting.extend(each for each in reversed(payload) if isinstance(each, Message))


def own_text(message: Message) -> str:
    """A report's words: its first part of plain text, else of HTML."""
    for kind in ("text/plain", "text/html"):
        for part in own_parts(message):
            if part.get_content_type() == kind:
                return _text_of(part)
    return ""


def enclosed_headers(message: Message) -> Iterator[Message]:
    """The headers of the mails that a report encloses, whole or as headers alone (RFC 6522)."""
    for part in message.walk():
        kind = part.get_content_type()
        if kind in ("text/rfc822-headers", "message/global-headers"):
            yield HeaderParser().parsestr(_text_of(part) or _bytes_of(part).decode("utf-8", "replace").lstrip())
        elif kind in ("message/rfc822", "message/global"):
            if _is_encoded(part):
                yield HeaderParser().parsestr(_bytes_of(part).decode("utf-8", "replace").lstrip())
            elif isinstance(payload := part.get_payload(), list):
                yield from (each for each in payload if isinstance(each, Message))


def _text_of(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    try:
        return payload.decode(part.get_content_charset("utf-8"), "replace")[:_LONGEST_TEXT]
    except LookupError:
        return payload.decode("utf-8", "replace")[:_LONGEST_TEXT]


def _is_encoded(part: Message) -> bool:
    """Whether a part is in base64 or quoted-printable, which RFC 2046 forbids for message/… and servers use."""
    return _encoding(part) in ("base64", "quoted-printable")


def _encoding(part: Message) -> str:
    return str(part.get("Content-Transfer-Encoding", "")).strip().lower()


def _bytes_of(part: Message) -> bytes:
    """The content of a part, decoded: for the parser, the content of message/… is messages, whatever its encoding."""
    payload = part.get_payload()
    if isinstance(payload, list):
        content = b"\n".join(each.as_bytes() for each in payload if isinstance(each, Message))
    else:
        content = str(payload).encode("utf-8", "surrogateescape")
    encoding = _encoding(part)
    if encoding == "base64":
        return base64.b64decode(re.sub(rb"[^A-Za-z0-9+/=]", b"", content) + b"==")
    return quopri.decodestring(content) if encoding == "quoted-printable" else content
