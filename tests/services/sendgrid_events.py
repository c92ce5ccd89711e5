"""Posts as SendGrid's Event Webhook makes them: events in its words, signed with a key of the test's own."""

from __future__ import annotations

import base64
import json
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

IP = "203.0.113.77"
AGENT = "Mozilla/5.0 (an agent that nobody may keep)"


class SendGridSigner:
    """Signs as SendGrid does; `public_key` is what its settings page shows."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        der = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.public_key = base64.b64encode(der).decode()

    def headers(self, body: bytes, at: float) -> dict[str, str]:
        """The headers of a post of `body` at `at`, in seconds since 1970."""
        timestamp = str(int(at))
        signature = self._key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        return {
            "Content-Type": "application/json",
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
            "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
        }


def event(word: str, address: str, at: float, **more: Any) -> dict[str, Any]:
    """One event with the fields that all have, and what must never be kept."""
    return {
        "email": address,
        "timestamp": int(at),
        "event": word,
        "smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555>",
        "sg_event_id": base64.urlsafe_b64encode(f"{word}{address}{at}".encode() * 4).decode(),
        "sg_message_id": "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0",
        "category": ["weekly"],
        "ip": IP,
        "useragent": AGENT,
        **more,
    }


NO_SUCH_MAILBOX = {
    "event": "bounce",
    "type": "bounce",
    "bounce_classification": "Invalid Address",
    "status": "5.1.1",
    "reason": "550 5.1.1 The email account that you tried to reach does not exist.",
}
"""The fields of a bounce that ends a subscription."""


def hard_bounce(address: str, at: float, **more: Any) -> dict[str, Any]:
    """A bounce of a mailbox that is not there."""
    return event("bounce", address, at) | NO_SUCH_MAILBOX | more


def body(*events: dict[str, Any]) -> bytes:
    return json.dumps(events).encode()
