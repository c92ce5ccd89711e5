"""The calls of the library for passkeys, with the choices that are ours: user verification and discoverable keys are
required, attestation is not asked for.

Imported when a passkey is used: the library takes 0.08 s to load, and every process of the site would wait for it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from fido2 import cbor
from fido2.cose import ES256, RS256, CoseKey, EdDSA
from fido2.server import Fido2Server
from fido2.webauthn import (
    AttestationConveyancePreference,
    AttestedCredentialData,
    AuthenticatorData,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialCreationOptions,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialParameters,
    PublicKeyCredentialRequestOptions,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialType,
    PublicKeyCredentialUserEntity,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from newsletter.staff.webauthn_answers import read_creation, read_request

CHALLENGE_BYTES = 64
TIMEOUT = 60_000
"""Milliseconds that a browser gives a person."""
MOST_OF_AN_ID = 1023
"""Bytes of a credential id (WebAuthn 3, 7.1)."""

_KEY_TYPES: dict[type[CoseKey], int] = {EdDSA: 1, ES256: 2, RS256: 3}
"""The algorithms that are offered, in this order, and the key type (kty) that COSE has for each."""


class NewCredential(NamedTuple):
    """A passkey that an authenticator made."""

    id: bytes
    public_key: bytes
    """As COSE writes it."""
    sign_count: int


class SiteName(NamedTuple):
    """The site as passkeys know it."""

    rp_id: str
    origin: str


def creation_options(
    site: SiteName, publication: str, handle: bytes, email: str, name: str, known: Sequence[bytes]
) -> str:
    """The options for a new passkey as JSON; `known` are the ids of the person's others."""
    options = PublicKeyCredentialCreationOptions(
        rp=PublicKeyCredentialRpEntity(id=site.rp_id, name=publication),
        user=PublicKeyCredentialUserEntity(id=handle, name=email, display_name=name),
        challenge=secrets.token_bytes(CHALLENGE_BYTES),
        pub_key_cred_params=[
            PublicKeyCredentialParameters(type=PublicKeyCredentialType.PUBLIC_KEY, alg=each.ALGORITHM)
            for each in _KEY_TYPES
        ],
        timeout=TIMEOUT,
        exclude_credentials=_descriptors(known),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        attestation=AttestationConveyancePreference.NONE,
    )
    return json.dumps(dict(options))


def request_options(site: SiteName, known: Sequence[bytes]) -> str:
    """The options to show a passkey as JSON: one of `known`, or without them any of the site's."""
    options = PublicKeyCredentialRequestOptions(
        challenge=secrets.token_bytes(CHALLENGE_BYTES),
        timeout=TIMEOUT,
        rp_id=site.rp_id,
        allow_credentials=_descriptors(known),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return json.dumps(dict(options))


def verify_creation(site: SiteName, challenge: bytes, credential: dict[str, Any]) -> NewCredential:
    """The new passkey. Raises ValueError for an answer that is not valid."""
    with _refusing():
        server, answer = _server(site), read_creation(credential)
        data = server.register_complete(_state(server, challenge), answer)
        _check_data(data)
        made = data.credential_data
        if made is None or made.credential_id != answer.raw_id or not 0 < len(answer.raw_id) <= MOST_OF_AN_ID:
            raise ValueError("no credential")
        _check_key(made.public_key)
        return NewCredential(made.credential_id, cbor.encode(made.public_key), data.counter)


def verify_request(
    site: SiteName, challenge: bytes, credential: dict[str, Any], public_key: bytes, sign_count: int
) -> int:
    """The authenticator's counter. Raises ValueError for an answer that is not valid, or whose counter went back."""
    with _refusing():
        server, answer = _server(site), read_request(credential)
        aaguid, size = bytes(16), len(answer.raw_id).to_bytes(2, "big")
        known = AttestedCredentialData(aaguid + size + answer.raw_id + public_key)
        server.authenticate_complete(_state(server, challenge), [known], answer)
        data = answer.response.authenticator_data
        _check_data(data)
        if data.counter <= sign_count and (data.counter, sign_count) != (0, 0):
            raise ValueError("the counter did not rise")
        return data.counter


@contextmanager
def _refusing() -> Iterator[None]:
    """Turn whatever the library raises for an answer that is not valid into a ValueError.

    It reads bytes as they come, so IndexError, struct.error, RecursionError and more say no other thing than that.
    """
    try:
        yield
    except Exception as error:
        raise ValueError("no valid answer") from error


def _server(site: SiteName) -> Fido2Server:
    """The library's server. By itself it would take the origins of subdomains, too."""
    return Fido2Server(
        PublicKeyCredentialRpEntity(id=site.rp_id, name=""),
        AttestationConveyancePreference.NONE,
        verify_origin=lambda origin: origin == site.origin,
    )


def _state(server: Fido2Server, challenge: bytes) -> Any:
    """The state that the server wants back: the options that were sent, as far as they are checked."""
    return server.authenticate_begin(user_verification=UserVerificationRequirement.REQUIRED, challenge=challenge)[1]


def _check_data(data: AuthenticatorData) -> None:
    """Check flags and length of the authenticator's data, which the library does not. Raises ValueError.

    Data with a member that is there twice, or with a number in more bytes than it needs, are longer than the same data
    written anew. Readers could differ in what such data mean, and CTAP2 forbids them (CTAP 2.1, 8).
    """
    if data.is_backed_up() and not data.is_backup_eligible():
        raise ValueError("backed up, but not to be (WebAuthn 3, 6.1.3)")
    extensions = b"" if data.extensions is None else cbor.encode(data.extensions)
    if len(data) != 37 + len(data.credential_data or b"") + len(extensions):
        raise ValueError("not canonical")


def _check_key(key: CoseKey) -> None:
    """Raises any exception for a key that nobody could sign in with: of another algorithm, or no key at all."""
    if key.get(1) != _KEY_TYPES[type(key)]:
        raise ValueError("not offered")
    with suppress(InvalidSignature):  # the trial's signature is wrong; a broken key raises something else
        key.verify(b"", b"")


def _descriptors(ids: Sequence[bytes]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(type=PublicKeyCredentialType.PUBLIC_KEY, id=each) for each in ids]
