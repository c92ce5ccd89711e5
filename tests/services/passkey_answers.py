"""A site that passkeys are made for, and answers of devices to it."""

from __future__ import annotations

import base64
import json
from typing import Any

from newsletter.staff import webauthn_calls
from newsletter.staff.webauthn_calls import NewCredential, SiteName
from tests.services.authenticator import SoftAuthenticator, cose_key

SITE = SiteName("letters.example.org", "https://letters.example.org")
CHALLENGE = bytes(range(64))
OPTIONS = {"challenge": base64.urlsafe_b64encode(CHALLENGE).rstrip(b"=").decode(), "user": {"id": "aGFuZGxl"}}
"""What a device needs to know of either kind of options."""
REFUSED = "no valid answer"


def made_by(device: SoftAuthenticator, **changes: Any) -> NewCredential:
    """The passkey that a device makes; `changes` are members of its answer that somebody changed."""
    answer = json.loads(device.create(OPTIONS))
    return webauthn_calls.verify_creation(SITE, CHALLENGE, answer | changes)


def shown_by(device: SoftAuthenticator, sign_count: int = 0, **changes: Any) -> int:
    """The counter of a device that shows its passkey."""
    answer, key = json.loads(device.get(OPTIONS)), cose_key(device.key)
    return webauthn_calls.verify_request(SITE, CHALLENGE, answer | changes, key, sign_count)
