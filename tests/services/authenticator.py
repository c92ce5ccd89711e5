"""An authenticator in software: it makes passkeys and shows them, and can lie in each way that must be refused."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from fido2 import cbor

USER_PRESENT, USER_VERIFIED, BACKUP_ELIGIBLE, BACKED_UP, ATTESTED, EXTENDED = 0x01, 0x04, 0x08, 0x10, 0x40, 0x80

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


@dataclass
class SoftAuthenticator:
    """One passkey for one site."""

    origin: str
    rp_id: str
    count: int = 0
    """Rises by one with each answer, unless it is 0 for good (`counts`)."""
    counts: bool = True
    sees_user: bool = True
    verifies_user: bool = True
    handle: bytes = b""
    id: bytes = field(default_factory=lambda: os.urandom(32))
    key: PrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    client_data: dict[str, Any] = field(default_factory=dict)
    """What its browser says besides, or instead."""
    flags: int = 0
    """What it says besides being there and verified."""
    after: bytes = b""
    """Bytes behind its data, such as those of extensions."""
    public_key: bytes = b""
    """Another one than its key's, as COSE writes it."""
    form: str = "none"
    """The attestation's format."""
    statement: dict[str, Any] = field(default_factory=dict)

    def create(self, options: dict[str, Any]) -> str:
        """The answer to the options for a new passkey, as a browser writes it."""
        self.handle = _bytes(options["user"]["id"])
        attested = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + (self.public_key or cose_key(self.key))
        content = {"fmt": self.form, "attStmt": self.statement, "authData": self.data(ATTESTED, attested)}
        response = {
            "clientDataJSON": _text(self._client_data("webauthn.create", options["challenge"])),
            "attestationObject": _text(cbor.encode(content)),
        }
        return self._credential(response)

    def get(self, options: dict[str, Any]) -> str:
        """The answer to the options to show a passkey."""
        self.count += self.counts
        client_data, data = self._client_data("webauthn.get", options["challenge"]), self.data(0)
        response = {
            "clientDataJSON": _text(client_data),
            "authenticatorData": _text(data),
            "signature": _text(self._sign(data + hashlib.sha256(client_data).digest())),
            "userHandle": _text(self.handle),
        }
        return self._credential(response)

    def data(self, flags: int, attested: bytes = b"") -> bytes:
        """The authenticator data (WebAuthn 3, 6.1)."""
        flags |= self.flags | USER_PRESENT * self.sees_user | USER_VERIFIED * self.verifies_user
        start = hashlib.sha256(self.rp_id.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")
        return start + attested + self.after

    def _credential(self, response: dict[str, str]) -> str:
        number = _text(self.id)
        return json.dumps({"id": number, "rawId": number, "type": "public-key", "response": response})

    def _client_data(self, kind: str, challenge: str) -> bytes:
        content = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(content | self.client_data).encode()

    def _sign(self, content: bytes) -> bytes:
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            return self.key.sign(content, ec.ECDSA(hashes.SHA256()))
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(content, padding.PKCS1v15(), hashes.SHA256())
        return self.key.sign(content)


def cose_key(key: PrivateKey) -> bytes:
    """The public key as COSE writes it: ES256 with P-256, EdDSA with Ed25519, or RS256 (RFC 9053, RFC 8812)."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return cbor.encode({1: 1, 3: -8, -1: 6, -2: key.public_key().public_bytes_raw()})
    if isinstance(key, rsa.RSAPrivateKey):
        of_rsa = key.public_key().public_numbers()
        return cbor.encode({1: 3, 3: -257, -1: of_rsa.n.to_bytes(key.key_size // 8, "big"), -2: b"\1\0\1"})
    numbers = key.public_key().public_numbers()
    x, y = (number.to_bytes(32, "big") for number in (numbers.x, numbers.y))
    return cbor.encode({1: 2, 3: -7, -1: 1, -2: x, -3: y})


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
