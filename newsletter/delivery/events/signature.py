"""SendGrid's signature: ECDSA with SHA-256 over the timestamp and the body, byte for byte as they came.

twilio.com/docs/sendgrid, "Event Webhook Security Features". The check in the `sendgrid` package takes text only and
ignores the age; it would also cost the web process 0.3 s of start and the import of a client that it does not need.
`cryptography` is loaded with the first key: without SendGrid nobody needs its 2 MB here.
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from newsletter.core.errors import ConfigurationError, NewsletterError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

OLDEST = timedelta(hours=25)
"""SendGrid tries again for 24 hours, and does not say whether it signs anew: a shorter time could lose events of an
outage. A replay within it changes nothing, since a body is stored once and an event counts once."""
AHEAD = timedelta(minutes=10)
"""The most that our clock may be behind SendGrid's."""


class SignatureError(NewsletterError):
    """A post that SendGrid did not sign, or signed too long ago."""


@lru_cache(maxsize=4)
def public_key(text: str) -> EllipticCurvePublicKey:
    """The verification key as SendGrid shows it (base64), or as PEM. Raises ConfigurationError."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

    try:
        if text.startswith("-----BEGIN"):
            key = load_pem_public_key(text.encode())
        else:
            key = load_der_public_key(base64.b64decode("".join(text.split()), validate=True))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigurationError("setting.sendgrid_webhook_key", "SENDGRID_WEBHOOK_KEY is not a public key.") from error
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ConfigurationError(
            "setting.sendgrid_webhook_key_kind",
            "SENDGRID_WEBHOOK_KEY is a public key of another kind than SendGrid's (ECDSA).",
        )
    return key


def verify_signature(
    key: EllipticCurvePublicKey, signature: str | None, timestamp: str | None, body: bytes, now: datetime
) -> None:
    """Verify that `key` signed `body` with a timestamp that is neither too old nor in the future.

    Raises SignatureError.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    if not signature or not timestamp:
        raise SignatureError("webhook.unsigned", "This post is not signed.")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise SignatureError("webhook.bad_timestamp", "The timestamp of this post is not a number of seconds.")
    age = now.timestamp() - int(timestamp)
    if not -AHEAD.total_seconds() <= age <= OLDEST.total_seconds():
        raise SignatureError("webhook.too_old", "This post was signed too long ago, or our clock is wrong.")
    try:
        key.verify(base64.b64decode(signature, validate=True), timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, binascii.Error, ValueError) as error:
        raise SignatureError("webhook.wrong_signature", "The signature of this post is not SendGrid's.") from error
