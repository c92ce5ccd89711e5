"""The body of POST /v3/mail/send: one edition for up to 1000 recipients (twilio.com/docs/sendgrid, mail-send)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from newsletter.mail.headers import wire_address
from newsletter.mail.message import Message

MOST_RECIPIENTS = 1000
"""Personalizations in one request."""

_TRACKING_OFF = {
    "click_tracking": {"enable": False, "enable_text": False},
    "open_tracking": {"enable": False},
    "subscription_tracking": {"enable": False},
    "ganalytics": {"enable": False},
}
"""Said in each request, or the account's setting counts; subscription tracking would add its own List-Unsubscribe."""


def build(message: Message, recipients: Iterable[tuple[int, str, str]]) -> bytes:
    """The JSON for `recipients`: index in the batch, address on the wire, token.

    Date, Message-ID and MIME are SendGrid's own affair. Its events give back the custom arguments: `message.reference`,
    and a recipient's index as "n". SendGrid keeps them as data that names nobody: only opaque ids go there.
    """
    body: dict[str, Any] = {
        "personalizations": _personalizations(message, recipients),
        "from": {"email": wire_address(message.sender), "name": message.sender_name},
        "subject": message.subject,
        "content": [{"type": "text/plain", "value": message.text}],
        "tracking_settings": _TRACKING_OFF,
    }
    if message.html:
        body["content"].append({"type": "text/html", "value": message.html})
    if message.reply_to:
        body["reply_to"] = {"email": wire_address(message.reply_to)}
    if message.reference:
        body["custom_args"] = dict(message.reference)
    if headers := _shared_headers(message):
        body["headers"] = headers
    return orjson.dumps(body)


def _shared_headers(message: Message) -> dict[str, str]:
    headers = dict(message.headers)
    if message.unsubscribe_url:
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"  # RFC 8058
    return headers


def _personalizations(message: Message, recipients: Iterable[tuple[int, str, str]]) -> list[dict[str, Any]]:
    """Substitutions reach content and subject alone, so the personal List-Unsubscribe stands in each one's headers.

    SendGrid joins these with the headers that all share (django-anymail relies on it too).
    """
    placeholder, url = message.placeholder, message.unsubscribe_url
    result = []
    for index, address, token in recipients:
        one: dict[str, Any] = {"to": [{"email": address}], "custom_args": {"n": str(index)}}
        if placeholder:
            one["substitutions"] = {placeholder: token}
        if url:
            one["headers"] = {"List-Unsubscribe": f"<{url.replace(placeholder, token) if placeholder else url}>"}
        result.append(one)
    return result
