"""Codes of an app (TOTP, RFC 6238): six digits that change every 30 seconds."""

from __future__ import annotations

import hmac
import unicodedata
from datetime import timedelta

import pyotp
from sqlalchemy import update
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.tokens import TokenError, TokenSigner
from newsletter.staff.models import StaffMember

STEP = 30
"""Seconds."""
DRIFT = (0, -1, 1)
"""Steps that a phone's clock may be off (RFC 6238, 5.2)."""

_FOR_EVER = timedelta(days=36_500)


def new_secret() -> str:
    """A secret of 160 bits, in base32."""
    return pyotp.random_base32()


def seal_secret(keys: tuple[str, ...], member_id: int, secret: str) -> str:
    """The secret as it is stored: sealed under SECRET_KEY (`settings.signing_keys`), for this person alone."""
    return _signer(keys).sign([member_id, secret])


def accept_code(session: Session, keys: tuple[str, ...], member: StaffMember, code: str) -> bool:
    """Whether this is a code of the person's app. It is used up in the same statement, with all older ones."""
    secret = _open_secret(keys, member)
    step = None if secret is None else matching_step(secret, code)
    if secret is None or step is None:
        return False
    # Sealed anew, under today's key: an older SECRET_KEY is not needed for ever.
    sealed = seal_secret(keys, member.id, secret)
    used = session.connection().execute(
        update(StaffMember)
        .where(StaffMember.id == member.id, StaffMember.totp_step < step)
        .values(totp_step=step, totp_secret=sealed)
    )
    return used.rowcount == 1


def matching_step(secret: str, code: str) -> int | None:
    """The time step that a code belongs to, of the present one and its neighbours; None for a wrong code."""
    digits = clean_code(code)
    now = int(clock.now().timestamp()) // STEP
    generator = pyotp.TOTP(secret)
    found = [now + drift for drift in DRIFT if hmac.compare_digest(generator.generate_otp(now + drift), digits)]
    return found[0] if found else None


def clean_code(code: str) -> str:
    """The digits of a code as people and phones write it: with blanks, or in another width."""
    folded = unicodedata.normalize("NFKC", code[:64])
    return "".join(letter for letter in folded if letter.isascii() and letter.isdigit())


def app_uri(secret: str, email: str, publication: str) -> str:
    """The text of the QR code for the app (github.com/google/google-authenticator/wiki/Key-Uri-Format)."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=publication)


def qr_code(text: str) -> str:
    """A QR code as SVG, with attributes alone: the policy of our pages forbids inline styles."""
    import segno  # 50 ms, for a page that is shown once to each person

    return segno.make(text, error="m").svg_inline(scale=4, omitsize=True)


def grouped(secret: str) -> str:
    """A secret in groups of four, to be typed."""
    return " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))


def _open_secret(keys: tuple[str, ...], member: StaffMember) -> str | None:
    """The secret; None where there is none, or no key of today opens it."""
    try:
        member_id, secret = _signer(keys).read(member.totp_secret or "", _FOR_EVER)
    except TokenError:
        return None
    return str(secret) if member_id == member.id else None


def _signer(keys: tuple[str, ...]) -> TokenSigner:
    return TokenSigner(keys, "staff.totp")
