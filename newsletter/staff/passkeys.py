"""Passkeys (WebAuthn): made on https or http://localhost, for the host of PUBLIC_URL alone.

A challenge travels in a sealed token that is bound to the browser's cookie, is good for five minutes, and is written
down with the right answer: so that one counts once, and neither requests nor wrong answers of strangers leave rows.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import insert_ignoring
from newsletter.core.errors import InvalidError
from newsletter.core.languages import gettext_noop
from newsletter.core.tokens import TokenError, TokenSigner
from newsletter.staff.models import Passkey, StaffMember, UsedChallenge

if TYPE_CHECKING:
    from newsletter.staff.webauthn_calls import SiteName

CHALLENGE_AGE = timedelta(minutes=5)
MOST = 20
"""Passkeys of a person."""

REFUSED = gettext_noop("This passkey was not accepted.")


class PasskeyError(InvalidError):
    """An answer of an authenticator is not valid, or belongs to nobody here."""


class Ceremony(StrEnum):
    """Purposes of challenges. An answer to one is no answer to another."""

    SIGN_IN = "sign_in"
    PROOF = "proof"
    REGISTRATION = "registration"


@dataclass(frozen=True)
class RelyingParty:
    """The site as passkeys know it, and the browser that a challenge is given to."""

    settings: Settings
    browser_token: str
    """The id in the browser's cookie."""

    @property
    def name(self) -> SiteName:
        """The host of PUBLIC_URL, and its origin as browsers write it: without the scheme's own port."""
        from newsletter.staff.webauthn_calls import SiteName

        parts = urlsplit(self.settings.public_url)
        is_default = parts.port == {"http": 80, "https": 443}.get(parts.scheme)
        origin = f"{parts.scheme}://{parts.hostname}" if is_default else f"{parts.scheme}://{parts.netloc}"
        return SiteName(self.settings.public_host, origin)

    def issue(self, ceremony: Ceremony, options: str) -> dict[str, Any]:
        """The answer for the page's script: the options for the browser, and the token of their challenge."""
        content = json.loads(options)
        token = self._signer(ceremony).sign([content["challenge"], self._binding()])
        return {"options": content, "challenge": token}

    def use_challenge(self, session: Session, ceremony: Ceremony, token: str) -> bytes:
        """The challenge of a token, used up by this. Raises PasskeyError."""
        try:
            challenge, binding = self._signer(ceremony).read(token, CHALLENGE_AGE)
        except TokenError:
            raise PasskeyError("passkey.challenge", gettext_noop("That took longer than five minutes.")) from None
        if binding != self._binding():
            raise PasskeyError("passkey.refused", REFUSED)
        digest = hashlib.sha256(challenge.encode()).digest()
        row = {"challenge_hash": digest, "expires_at": clock.now() + CHALLENGE_AGE}
        if not insert_ignoring(session, UsedChallenge, [row]):
            raise PasskeyError("passkey.refused", REFUSED)
        return _bytes(challenge)

    def _binding(self) -> str:
        return hashlib.sha256(self.browser_token.encode()).hexdigest()[:32]

    def _signer(self, ceremony: Ceremony) -> TokenSigner:
        return TokenSigner(self.settings.signing_keys, f"staff.passkey.{ceremony}")


def registration_options(site: RelyingParty, member: StaffMember, known: Sequence[Passkey]) -> dict[str, Any]:
    """The options with which a browser makes a passkey for a person."""
    from newsletter.staff import webauthn_calls

    email, ids = member.email or "", [each.credential_id for each in known]
    publication = site.settings.publication_name
    options = webauthn_calls.creation_options(
        site.name, publication, member.user_handle, email, member.name or email, ids
    )
    return site.issue(Ceremony.REGISTRATION, options)


def add_passkey(
    session: Session, site: RelyingParty, member: StaffMember, token: str, credential: str, browser: str
) -> Passkey:
    """Keep a new passkey. Raises PasskeyError for an answer that is not valid."""
    from newsletter.staff import webauthn_calls

    challenge = site.use_challenge(session, Ceremony.REGISTRATION, token)
    try:
        new = webauthn_calls.verify_creation(site.name, challenge, _object(credential))
    except ValueError as error:
        raise PasskeyError("passkey.refused", REFUSED) from error
    if len(passkeys_of(session, member.id)) >= MOST:
        raise PasskeyError("passkey.too_many", gettext_noop("A person has at most %(most)s passkeys."), most=MOST)
    if session.scalar(select(Passkey.id).where(Passkey.credential_id == new.id)) is not None:
        raise PasskeyError("passkey.refused", REFUSED)
    passkey = Passkey(
        staff_member_id=member.id,
        credential_id=new.id,
        public_key=new.public_key,
        sign_count=new.sign_count,
        name=browser[:80],
    )
    session.add(passkey)
    session.flush()
    return passkey


def request_options(site: RelyingParty, ceremony: Ceremony, known: Sequence[Passkey] = ()) -> dict[str, Any]:
    """The options with which a browser shows a passkey: one of `known`, or for a sign-in any of the site's."""
    from newsletter.staff import webauthn_calls

    return site.issue(ceremony, webauthn_calls.request_options(site.name, [each.credential_id for each in known]))


def verify_passkey(
    session: Session, site: RelyingParty, ceremony: Ceremony, token: str, credential: str
) -> StaffMember:
    """The person whose passkey answered. Raises PasskeyError, with the same sentence whatever is wrong."""
    from newsletter.staff import webauthn_calls

    challenge = site.use_challenge(session, ceremony, token)
    try:
        content = _object(credential)
        passkey = _passkey_of_id(session, _bytes(content.get("rawId")))
        member = session.get_one(StaffMember, passkey.staff_member_id)
        handle = _object_in(content, "response").get("userHandle")
        if handle and _bytes(handle) != member.user_handle:
            raise ValueError("another person's")
        count = webauthn_calls.verify_request(site.name, challenge, content, passkey.public_key, passkey.sign_count)
    except ValueError as error:
        raise PasskeyError("passkey.refused", REFUSED) from error
    if member.removed_at is not None or not _raise_count(session, passkey, count):
        raise PasskeyError("passkey.refused", REFUSED)
    return member


def passkeys_of(session: Session, member_id: int) -> Sequence[Passkey]:
    """A person's passkeys, the oldest first."""
    return session.scalars(select(Passkey).where(Passkey.staff_member_id == member_id).order_by(Passkey.id)).all()


def remove_passkey(session: Session, member: StaffMember, number: int) -> None:
    """Remove a passkey of a person's. Raises PasskeyError for the last way to sign in."""
    known = passkeys_of(session, member.id)
    if [each.id for each in known] == [number] and member.password_hash is None:
        raise PasskeyError(
            "passkey.last", gettext_noop("This is the only way to sign in. Set a password and a code app first.")
        )
    session.execute(delete(Passkey).where(Passkey.id == number, Passkey.staff_member_id == member.id))


def delete_old_challenges(session: Session) -> None:
    """Delete what was kept of challenges whose tokens are too old by now."""
    session.execute(delete(UsedChallenge).where(UsedChallenge.expires_at < clock.now()))


def _raise_count(session: Session, passkey: Passkey, count: int) -> bool:
    """Raise the counter; False for one that did not rise, as a copied passkey's would (WebAuthn 3, 6.1.1)."""
    rises = or_(Passkey.sign_count < count, (Passkey.sign_count == 0) & (count == 0))
    statement = update(Passkey).where(Passkey.id == passkey.id, rises)
    updated = session.connection().execute(statement.values(sign_count=count, last_used_at=clock.now()))
    return updated.rowcount == 1


def _passkey_of_id(session: Session, credential_id: bytes) -> Passkey:
    """Raises ValueError."""
    found = session.scalar(select(Passkey).where(Passkey.credential_id == credential_id).with_for_update())
    if found is None:
        raise ValueError("an unknown passkey")
    return found


def _object(text: str) -> dict[str, Any]:
    """An answer of a browser. Raises ValueError for anything but a JSON object."""
    try:
        content = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(content, dict):
        raise ValueError("no object")
    return content


def _object_in(content: dict[str, Any], name: str) -> dict[str, Any]:
    found = content.get(name)
    if not isinstance(found, dict):
        raise ValueError("no object")
    return found


def _bytes(text: object) -> bytes:
    """Base64 as browsers write it. Raises ValueError."""
    if not isinstance(text, str):
        raise ValueError("no text")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
