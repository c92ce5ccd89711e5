"""The calls of the library for passkeys, with the choices that are ours: user verification and discoverable keys are
required, attestation is not asked for.

Imported when a passkey is used: the library takes 0.14 s to load, and every process of the site would wait for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import webauthn
from webauthn.helpers import generate_challenge
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

_BROKEN = (WebAuthnException, ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""Errors of the library for answers that are not valid."""


class NewCredential(NamedTuple):
    """A passkey that an authenticator made."""

    id: bytes
    public_key: bytes
    sign_count: int


class SiteName(NamedTuple):
    """The site as passkeys know it."""

    rp_id: str
    origin: str


def creation_options(
    site: SiteName, publication: str, handle: bytes, email: str, name: str, known: Sequence[bytes]
) -> str:
    """The options for a new passkey as JSON; `known` are the ids of the person's others."""
    options = webauthn.generate_registration_options(
        rp_id=site.rp_id,
        rp_name=publication,
        user_id=handle,
        user_name=email,
        user_display_name=name,
        challenge=generate_challenge(),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=_descriptors(known),
    )
    return webauthn.options_to_json(options)


def request_options(site: SiteName, known: Sequence[bytes]) -> str:
    """The options to show a passkey as JSON: one of `known`, or without them any of the site's."""
    options = webauthn.generate_authentication_options(
        rp_id=site.rp_id,
        challenge=generate_challenge(),
        allow_credentials=_descriptors(known) or None,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return webauthn.options_to_json(options)


def verify_creation(site: SiteName, challenge: bytes, credential: dict[str, Any]) -> NewCredential:
    """The new passkey. Raises ValueError for an answer that is not valid."""
    try:
        verified = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except _BROKEN as error:
        raise ValueError("no valid answer") from error
    return NewCredential(verified.credential_id, verified.credential_public_key, verified.sign_count)


def verify_request(
    site: SiteName, challenge: bytes, credential: dict[str, Any], public_key: bytes, sign_count: int
) -> int:
    """The authenticator's counter. Raises ValueError for an answer that is not valid, or whose counter went back."""
    try:
        verified = webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            credential_public_key=public_key,
            credential_current_sign_count=sign_count,
            require_user_verification=True,
        )
    except _BROKEN as error:
        raise ValueError("no valid answer") from error
    return verified.new_sign_count


def _descriptors(ids: Sequence[bytes]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=each) for each in ids]
