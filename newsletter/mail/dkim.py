"""DKIM signatures (RFC 6376, RFC 8463), for mail servers that do not sign.

The parts that all recipients share are canonicalised once. Each recipient then costs a hash over joined pieces, and the
signature.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from functools import cache
from hashlib import sha256

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from newsletter.core import clock
from newsletter.core.errors import ConfigurationError
from newsletter.mail.encoding import EncodedMessage, encode
from newsletter.mail.message import Message, Recipient
from newsletter.mail.quoted_printable import encode_token

SIGNED = (
    "from",
    "to",
    "cc",
    "subject",
    "date",
    "message-id",
    "reply-to",
    "list-id",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
)
"""Fields that are signed (RFC 6376 5.4.1), each once more than the mail has it, so that nobody can add one. One-click
unsubscribing needs both of its own (RFC 8058 4)."""

SMALLEST_RSA = 1024
"""Bits: a signature with fewer counts for nothing (RFC 8301 3.2)."""

_FIELD = re.compile(rb"([!-9;-~]+):((?:[^\r\n]|\r\n[ \t])*)\r\n")
_FOLDS = re.compile(rb"\r\n(?=[ \t])")
_SPACES = re.compile(rb"\t[ \t]*| [ \t]+")
_SPACES_BEFORE_END = re.compile(rb"[ \t]+(?=\r\n)")
_LINE = 72


class DkimSigner:
    """Signs for `domain`; the public half of the key stands in the DNS at `selector`._domainkey.`domain`.

    `pem`: an RSA key of 1024 bits or more, or an Ed25519 key; its line ends may be written as a backslash and an n.
    Raises ConfigurationError, which shows nothing of the key.
    """

    def __init__(self, domain: str, selector: str, pem: str) -> None:
        algorithm, self._sign = _read_key(pem)
        self._start = f"DKIM-Signature: v=1; a={algorithm}; c=relaxed/relaxed;\r\n d={domain}; s={selector};"

    def encode(self, message: Message) -> SignedMessage:
        """The message, signed for each recipient. Raises ValueError as encoding.encode does."""
        return SignedMessage(encode(message), self)

    def field(self, names: list[str], fields: bytes, body_hash: bytes) -> bytes:
        """The field to put before a mail. `names`: those that `fields` holds, in its order, canonicalised."""
        moment = int(clock.now().timestamp())
        tags = f" t={moment};\r\n h={_listed(tuple(names))};\r\n bh={_base64(body_hash)};\r\n b="
        unsigned = f"{self._start}{tags}".encode()
        (own,) = canonical_fields(unsigned + b"\r\n").values()
        signature = _base64(self._sign(fields + own.removesuffix(b"\r\n")))
        lines = [signature[start : start + _LINE] for start in range(0, len(signature), _LINE)]
        return unsigned + "\r\n ".join(lines).encode() + b"\r\n"


class SignedMessage:
    """An `Encoded` message of which each recipient's mail begins with its signature."""

    def __init__(self, encoded: EncodedMessage, signer: DkimSigner) -> None:
        self._encoded = encoded
        self._signer = signer
        self._placeholder = encoded.message.placeholder.encode()
        head, _, body = self._placeholder.join(encoded.segments).partition(b"\r\n\r\n")
        self._fields = canonical_fields(head + b"\r\n")
        body = canonical_body(body)
        self._body = body.split(self._placeholder) if self._placeholder else [body]

    def render(self, recipient: Recipient) -> bytes:
        """As EncodedMessage.render."""
        return b"".join(self.pieces(recipient))

    def pieces(self, recipient: Recipient) -> list[bytes]:
        """As EncodedMessage.pieces."""
        pieces = self._encoded.pieces(recipient)
        token = encode_token(recipient.token)
        found = {**self._fields, **canonical_fields(pieces[0])}
        names = [name for name in SIGNED if name in found]
        fields = b"".join(found[name] for name in names)
        if self._placeholder:
            fields = fields.replace(self._placeholder, token)
        body_hash = sha256(token.join(self._body)).digest()
        return [self._signer.field(names, fields, body_hash), *pieces]


def canonical_fields(head: bytes) -> dict[str, bytes]:
    """Header fields by their names in lower case, "relaxed" (RFC 6376 3.4.2), each with its CRLF."""
    return {
        name.lower().decode(): b"%b:%b\r\n" % (name.lower(), _SPACES.sub(b" ", _FOLDS.sub(b"", value)).strip(b" \t"))
        for name, value in _FIELD.findall(head)
    }


def canonical_body(body: bytes) -> bytes:
    """A body, "relaxed" (RFC 6376 3.4.4). A token can be put into it before or after."""
    trimmed = _SPACES.sub(b" ", _SPACES_BEFORE_END.sub(b"", body)).rstrip(b"\r\n")
    return trimmed + b"\r\n" if trimmed else b""


def _read_key(pem: str) -> tuple[str, Callable[[bytes], bytes]]:
    try:
        key = load_pem_private_key(pem.replace("\\n", "\n").encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigurationError(
            "setting.dkim_key", "DKIM_KEY is not a private key in PEM form without a password."
        ) from None
    if isinstance(key, Ed25519PrivateKey):
        # RFC 8463 3: the hash is signed, not the text.
        return "ed25519-sha256", lambda data: key.sign(sha256(data).digest())
    if not isinstance(key, RSAPrivateKey):
        raise ConfigurationError("setting.dkim_key_kind", "DKIM_KEY is neither an RSA nor an Ed25519 key.")
    if key.key_size < SMALLEST_RSA:
        raise ConfigurationError(
            "setting.dkim_key_size",
            "DKIM_KEY has %(bits)s bits, but nobody accepts fewer than %(least)s.",
            bits=key.key_size,
            least=SMALLEST_RSA,
        )
    padding, algorithm = PKCS1v15(), SHA256()
    return "rsa-sha256", lambda data: key.sign(data, padding, algorithm)


@cache
def _listed(names: tuple[str, ...]) -> str:
    """The tag "h": the fields that there are, and all once more, since one that is named in vain cannot be added."""
    return ":\r\n ".join(":".join(some) for some in (names, SIGNED[:6], SIGNED[6:]))


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()
