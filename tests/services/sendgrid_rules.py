"""The rules of SendGrid's Mail Send, as its documentation lists them (twilio.com/docs/sendgrid, mail-send and errors).

Tight loops: the stand-in must take 60,000 recipients a second.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

MOST = 1000
LARGEST = 30 * 1024 * 1024
LARGEST_PART = 10_000
"""Bytes of substitutions, and of custom arguments, in one personalization."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_RESERVED = _words(
    "x-sg-id x-sg-eid received dkim-signature content-type content-transfer-encoding to from subject reply-to cc bcc"
)
_TOP = _words(
    "personalizations from reply_to reply_to_list subject content attachments template_id headers categories "
    "custom_args send_at batch_id asm ip_pool_name mail_settings tracking_settings"
)
_PERSONAL = _words("to cc bcc from subject headers substitutions custom_args send_at")
_TRACKING = {
    "click_tracking": {"enable", "enable_text"},
    "open_tracking": {"enable"},
    "subscription_tracking": {"enable"},
    "ganalytics": {"enable"},
}
_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z0-9-]{2,}"
)
_HEADER_NAME = re.compile(r"[!-9;-~]+")


class Fault(NamedTuple):
    """One entry of the answer's `errors`."""

    message: str
    field: str | None = None


class RefusedError(Exception):
    """The request as a whole is refused with `status`."""

    def __init__(self, status: int, *faults: Fault) -> None:
        super().__init__(status, faults)
        self.status = status
        self.faults = faults

    def body(self) -> bytes:
        errors = [{"message": fault.message, "field": fault.field, "help": None} for fault in self.faults]
        return orjson.dumps({"errors": errors})


def check(raw: bytes, content_type: str) -> dict[str, Any]:
    """The request's document. Raises RefusedError, naming every fault of the kind that was met first."""
    if len(raw) >= LARGEST:
        raise RefusedError(413, Fault("The size of the request is larger than allowed."))
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise RefusedError(415, Fault("Unsupported media type."))
    document = _parse(raw)
    for faults in (_envelope(document), _settings(document), _personalizations(document)):
        if found := list(faults):
            raise RefusedError(400, *found)
    return document


def _parse(raw: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError:
        try:
            raw.decode()
        except UnicodeDecodeError:
            raise RefusedError(415, Fault("The request is not valid UTF-8.")) from None
        raise RefusedError(400, Fault("Bad Request")) from None
    if not isinstance(document, dict):
        raise RefusedError(400, Fault("Bad Request"))
    return document


def _envelope(document: dict[str, Any]) -> Iterator[Fault]:
    for name in document.keys() - _TOP:
        yield Fault("Additional property is not allowed", name)
    sender = document.get("from")
    if not isinstance(sender, dict) or not _is_address(sender.get("email")):
        yield Fault("The from email does not contain a valid address.", "from.email")
    reply_to = document.get("reply_to", {"email": "a@example.org"})
    if not isinstance(reply_to, dict) or not _is_address(reply_to.get("email")):
        yield Fault("The reply_to email does not contain a valid address.", "reply_to.email")
    if not _is_text(document.get("subject")):
        yield Fault("The subject is required.", "subject")
    content = document.get("content")
    if not isinstance(content, list) or not content:
        yield Fault("The content array is required.", "content")
        return
    if not all(
        isinstance(p, dict) and p.keys() == {"type", "value"} and all(map(_is_text, p.values())) for p in content
    ):
        yield Fault("The content value must be a string at least one character in length.", "content")
        return
    types = [part["type"] for part in content]
    if types != sorted(types, key=["text/plain", "text/html", *types].index):
        yield Fault("If present, text/plain and text/html must be the first, in this order.", "content")


def _settings(document: dict[str, Any]) -> Iterator[Fault]:
    if fault := _headers(document.get("headers", {}), "headers"):
        yield fault
    if "custom_args" in document and (fault := _custom_args(document["custom_args"], 0, "custom_args")):
        yield fault
    categories = document.get("categories", [])
    if not isinstance(categories, list) or len(categories) > 10 or not all(map(_is_text, categories)):
        yield Fault("There is a limit of 10 categories, each a string.", "categories")
    tracking = document.get("tracking_settings", {})
    for name, setting in tracking.items() if isinstance(tracking, dict) else [("", None)]:
        known = _TRACKING.get(name)
        if known is None or not isinstance(setting, dict) or not setting.keys() <= known:
            yield Fault("Unknown tracking setting.", f"tracking_settings.{name}")
        elif not all(isinstance(value, bool) for value in setting.values()):
            yield Fault("The value must be a boolean.", f"tracking_settings.{name}")


def _personalizations(document: dict[str, Any]) -> Iterator[Fault]:
    items = document.get("personalizations")
    if not isinstance(items, list) or not items:
        yield Fault("The personalizations field is required and must have at least one personalization.")
        return
    if len(items) > MOST:
        yield Fault(f"The personalization block is limited to {MOST} personalizations per API request.")
        return
    shared = max(_size(document.get("custom_args")), 0)
    seen: set[str] = set()
    for index, item in enumerate(items):
        if fault := _personalization(item, seen) or _own_parts(item, shared):
            yield Fault(fault.message, f"personalizations.{index}.{fault.field}".rstrip("."))
    if len(seen) > MOST:
        yield Fault(f"There is a limit of {MOST} total recipients (to + cc + bcc) per request.")


def _personalization(item: Any, seen: set[str]) -> Fault | None:
    if not isinstance(item, dict) or not item.keys() <= _PERSONAL:
        return Fault("Additional property is not allowed", "")
    people = item.get("to")
    if not isinstance(people, list) or not people:
        return Fault("The to array is required for all personalization objects.", "to")
    if "cc" in item or "bcc" in item:
        people = people + item.get("cc", []) + item.get("bcc", [])
    for position, person in enumerate(people):
        address = person.get("email") if isinstance(person, dict) else None
        if not isinstance(address, str) or not _is_address(address):
            return Fault("Does not contain a valid address.", f"to.{position}.email")
        folded = address.lower()
        if folded in seen:
            return Fault("Each email address should be unique between to, cc, and bcc.", "to")
        seen.add(folded)
    return None


def _own_parts(item: dict[str, Any], shared: int) -> Fault | None:
    if "headers" in item and (fault := _headers(item["headers"], "headers")):
        return fault
    if "substitutions" in item and not 0 <= _size(item["substitutions"]) <= LARGEST_PART:
        return Fault(f"Substitutions are strings, at most {LARGEST_PART} bytes.", "substitutions")
    if "custom_args" in item:
        return _custom_args(item["custom_args"], shared, "custom_args")
    return None


def _headers(headers: Any, where: str) -> Fault | None:
    if _size(headers) < 0:
        return Fault("The headers must be an object of strings.", where)
    for name, value in headers.items():
        if name.lower() in _RESERVED:
            return Fault("The header is a reserved field. It cannot be used.", f"{where}.{name}")
        if not _HEADER_NAME.fullmatch(name) or not value.isascii() or not value.isprintable():
            return Fault("The header is not valid.", f"{where}.{name}")
    return None


def _custom_args(arguments: Any, shared: int, where: str) -> Fault | None:
    size = _size(arguments)
    if size <= 0:
        return Fault("The custom_args must be an object of strings, and not empty.", where)
    return (
        Fault(f"Custom arguments are limited to {LARGEST_PART} bytes.", where) if shared + size > LARGEST_PART else None
    )


def _size(texts: Any) -> int:
    """Bytes of an object's names and strings; -1 when it is no object of strings."""
    if not isinstance(texts, dict):
        return -1
    size = 0
    for name, text in texts.items():
        if not isinstance(text, str):
            return -1
        size += len(name.encode()) + len(text.encode())
    return size


def _is_address(text: Any) -> bool:
    return isinstance(text, str) and len(text) <= 254 and _ADDRESS.fullmatch(text) is not None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""
