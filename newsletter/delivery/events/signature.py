"""SendGrid's signature: ECDSA with SHA-256 over the timestamp and the body, byte for byte as they came.

twilio.com/docs/sendgrid, "Event Webhook Security Features". The `sendgrid` package's own check wants text, and looks at
no age; it would also cost the web process 0.3 s of start and the import of a client that it has no use for.
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime, timedelta
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

from newsletter.core.errors import ConfigurationError, NewsletterError

OLDEST = timedelta(hours=25)
"""SendGrid tries again for 24 hours, and does not say whether it signs anew: a shorter time could lose what we missed
while we were down. What is replayed within it changes nothing, since a body is taken once and an event counts once."""
AHEAD = timedelta(minutes=10)
"""How far our clock may be behind SendGrid's."""


class SignatureError(NewsletterError):
    """A post that SendGrid did not sign, or signed too long ago."""


@lru_cache(maxsize=4)
def public_key(text: str) -> ec.EllipticCurvePublicKey:
    """The verification key as SendGrid shows it (base64), or as PEM. Raises ConfigurationError."""
    try:
        if text.startswith("-----BEGIN"):
            key = load_pem_public_key(text.encode())
        else:
            key = load_der_public_key(base64.b64decode("".join(text.split()), validate=True))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigurationError(
            "SENDGRID_WEBHOOK_KEY is not a public key: copy the verification key of SendGrid's Event Webhook."
        ) from error
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ConfigurationError("SENDGRID_WEBHOOK_KEY is a public key of another kind than SendGrid's (ECDSA).")
    return key


def verify_signature(
    key: ec.EllipticCurvePublicKey, signature: str | None, timestamp: str | None, body: bytes, now: datetime
) -> None:
    """Raises SignatureError unless `key` signed `body` with a timestamp that is neither too old nor to come."""
    if not signature or not timestamp:
        raise SignatureError("This post is not signed.")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise SignatureError("The timestamp of this post is none.")
    age = now.timestamp() - int(timestamp)
    if not -AHEAD.total_seconds() <= age <= OLDEST.total_seconds():
        raise SignatureError("This post was signed too long ago, or our clock is wrong.")
    try:
        key.verify(base64.b64decode(signature, validate=True), timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, binascii.Error, ValueError) as error:
        raise SignatureError("The signature of this post is not SendGrid's.") from error
