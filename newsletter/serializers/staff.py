"""People of the desk as JSON."""

from __future__ import annotations

from typing import Any

from newsletter.staff.people import ListedMember


def member_json(listed: ListedMember) -> dict[str, Any]:
    """A person of the desk, with the factors of their account."""
    member, seen = listed.member, listed.last_session
    return {
        "id": member.id,
        "email": member.email,
        "name": member.name,
        "role": member.role.value,
        "set_up": member.set_up_at is not None,
        "passkeys": listed.passkeys,
        "code_app": member.totp_secret is not None,
        "last_seen_at": seen.last_seen_at.isoformat() if seen else None,
    }
