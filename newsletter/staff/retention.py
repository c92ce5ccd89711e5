"""Retention: what the clock deletes of the staff's tables, hourly."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.staff import audit, passkeys, sessions
from newsletter.staff.models import StaffLink


def delete_old_rows(session: Session, audit_kept_for: timedelta) -> None:
    """Delete sessions, links and challenges that are over, and old entries of the audit log."""
    sessions.delete_old_sessions(session)
    passkeys.delete_old_challenges(session)
    session.execute(delete(StaffLink).where(StaffLink.expires_at < clock.now()))
    audit.delete_old_entries(session, audit_kept_for)
