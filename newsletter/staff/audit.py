"""The audit log: who did what, on what, when. Readers stand in it by number; no address is ever written.

`record` adds an entry in the transaction of what it is about. The application changes and deletes no entry but those
that are older than AUDIT_KEPT_FOR; triggers in the database refuse it.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.actors import Actor, ActorKind
from newsletter.core.languages import gettext_noop
from newsletter.staff.models import AuditEntry, StaffMember


class AuditAction(StrEnum):
    """Actions of the log. The part before the dot is the group that the page filters by (`GROUPS`)."""

    SIGNED_IN_WITH_PASSKEY = "sign_in.passkey"
    SIGNED_IN_WITH_CODE = "sign_in.code"
    SIGNED_IN_WITH_RECOVERY_CODE = "sign_in.recovery_code"
    SIGNED_IN_WITH_LINK = "sign_in.link"
    SIGN_IN_FAILED = "sign_in.failed"
    CODE_REFUSED = "sign_in.code_refused"
    PASSKEY_REFUSED = "sign_in.passkey_refused"
    SIGNED_OUT = "sign_in.signed_out"
    PERSON_INVITED = "people.invited"
    LINK_MADE = "people.link_made"
    ACCOUNT_SET_UP = "people.set_up"
    ROLE_GIVEN = "people.role_given"
    PERSON_REMOVED = "people.removed"
    SIGNED_OUT_EVERYWHERE = "people.signed_out_everywhere"
    NAME_CHANGED = "account.name_changed"
    PASSWORD_CHANGED = "account.password_changed"  # noqa: S105 - a word, no password
    CODE_APP_CHANGED = "account.code_app_changed"
    RECOVERY_CODES_MADE = "account.recovery_codes_made"
    PASSKEY_ADDED = "account.passkey_added"
    PASSKEY_REMOVED = "account.passkey_removed"
    ARTICLE_PUBLISHED = "articles.published"
    ARTICLE_CHANGED = "articles.changed"
    ARTICLE_WITHDRAWN = "articles.withdrawn"
    DRAFT_DISCARDED = "articles.draft_discarded"
    PAGE_BROUGHT_IN = "articles.page_brought_in"
    DIGEST_STARTED = "digests.started"
    DIGEST_DUPLICATED = "digests.duplicated"
    DIGEST_SCHEDULED = "digests.scheduled"
    DIGEST_UNSCHEDULED = "digests.unscheduled"
    DIGEST_SENT = "digests.sent"
    DIGEST_PAUSED = "digests.paused"
    DIGEST_RESUMED = "digests.resumed"
    DIGEST_CANCELLED = "digests.cancelled"
    DIGEST_RETRIED = "digests.retried"
    DIGEST_TESTED = "digests.tested"
    BATCH_SENT_AGAIN = "digests.batch_sent_again"
    BATCH_ACCEPTED = "digests.batch_accepted"


ACTION_WORDS: dict[str, str] = {
    AuditAction.SIGNED_IN_WITH_PASSKEY: gettext_noop("Signed in with a passkey"),
    AuditAction.SIGNED_IN_WITH_CODE: gettext_noop("Signed in with password and code"),
    AuditAction.SIGNED_IN_WITH_RECOVERY_CODE: gettext_noop("Signed in with password and recovery code"),
    AuditAction.SIGNED_IN_WITH_LINK: gettext_noop("Signed in with the demo’s link"),
    AuditAction.SIGN_IN_FAILED: gettext_noop("Wrong address or password"),
    AuditAction.CODE_REFUSED: gettext_noop("Wrong code, after the right password"),
    AuditAction.PASSKEY_REFUSED: gettext_noop("A passkey was refused"),
    AuditAction.SIGNED_OUT: gettext_noop("Signed out"),
    AuditAction.PERSON_INVITED: gettext_noop("Invited as %(role)s"),
    AuditAction.LINK_MADE: gettext_noop("Made a new link (%(purpose)s)"),
    AuditAction.ACCOUNT_SET_UP: gettext_noop("Set the account up"),
    AuditAction.ROLE_GIVEN: gettext_noop("Changed the role from %(before)s to %(role)s"),
    AuditAction.PERSON_REMOVED: gettext_noop("Removed the account"),
    AuditAction.SIGNED_OUT_EVERYWHERE: gettext_noop("Signed out everywhere"),
    AuditAction.NAME_CHANGED: gettext_noop("Changed their name"),
    AuditAction.PASSWORD_CHANGED: gettext_noop("Changed the password"),
    AuditAction.CODE_APP_CHANGED: gettext_noop("Changed the code app"),
    AuditAction.RECOVERY_CODES_MADE: gettext_noop("Made new recovery codes"),
    AuditAction.PASSKEY_ADDED: gettext_noop("Added a passkey"),
    AuditAction.PASSKEY_REMOVED: gettext_noop("Removed a passkey"),
    AuditAction.ARTICLE_PUBLISHED: gettext_noop("Published a story"),
    AuditAction.ARTICLE_CHANGED: gettext_noop("Published revision %(revision)s (%(kind)s)"),
    AuditAction.ARTICLE_WITHDRAWN: gettext_noop("Withdrew a story"),
    AuditAction.DRAFT_DISCARDED: gettext_noop("Discarded a draft"),
    AuditAction.PAGE_BROUGHT_IN: gettext_noop("Made a draft of a saved page"),
    AuditAction.DIGEST_STARTED: gettext_noop("Began a draft"),
    AuditAction.DIGEST_DUPLICATED: gettext_noop("Began a draft like digest %(original)s"),
    AuditAction.DIGEST_SCHEDULED: gettext_noop("Scheduled, or moved"),
    AuditAction.DIGEST_UNSCHEDULED: gettext_noop("Made a draft again"),
    AuditAction.DIGEST_SENT: gettext_noop("Sent now"),
    AuditAction.DIGEST_PAUSED: gettext_noop("Paused"),
    AuditAction.DIGEST_RESUMED: gettext_noop("Went on after a pause"),
    AuditAction.DIGEST_CANCELLED: gettext_noop("Cancelled; readers who do not get it: %(readers)s"),
    AuditAction.DIGEST_RETRIED: gettext_noop("Tried again for refused readers: %(readers)s"),
    AuditAction.DIGEST_TESTED: gettext_noop("Sent a test to %(to)s"),
    AuditAction.BATCH_SENT_AGAIN: gettext_noop("Sent batch %(batch)s, which was in doubt, again"),
    AuditAction.BATCH_ACCEPTED: gettext_noop("Counted batch %(batch)s, which was in doubt, as accepted"),
}
"""The words of the log for each action; they can name the entry's details."""

GROUPS = {
    "sign_in": gettext_noop("Signing in"),
    "people": gettext_noop("People and roles"),
    "account": gettext_noop("Passwords and passkeys"),
    "articles": gettext_noop("Stories"),
    "digests": gettext_noop("Digests"),
}
"""Groups of actions, which the page can show alone."""


class AuditObject(NamedTuple):
    """The object of an action: its kind, such as "digest" or "reader", and its number."""

    kind: str
    id: int


OBJECT_WORDS = {
    "staff_member": gettext_noop("Person %(number)s"),
    "article": gettext_noop("Story %(number)s"),
    "draft": gettext_noop("Draft %(number)s"),
    "digest": gettext_noop("Digest %(number)s"),
}
"""The words of the log for objects; people are shown by name."""

ACTOR_WORDS = {
    ActorKind.VISITOR: gettext_noop("Somebody not signed in"),
    ActorKind.OPERATOR: gettext_noop("Operator"),
    ActorKind.CLOCK: gettext_noop("By rule"),
    ActorKind.WORKER: gettext_noop("Worker"),
    ActorKind.PROVIDER: gettext_noop("Mail provider"),
    ActorKind.READER: gettext_noop("Reader"),
}
"""The words of the log for actors that are none of the staff."""


def member_object(member_id: int) -> AuditObject:
    """A person of the staff, as the object of an entry."""
    return AuditObject("staff_member", member_id)


def digest_object(digest_id: int) -> AuditObject:
    """A digest, as the object of an entry."""
    return AuditObject("digest", digest_id)


def last_entry(session: Session, action: AuditAction, on: AuditObject) -> AuditEntry | None:
    """The newest entry of an action on an object."""
    query = select(AuditEntry).where(
        AuditEntry.action == action, AuditEntry.object_kind == on.kind, AuditEntry.object_id == on.id
    )
    return session.scalars(query.order_by(AuditEntry.id.desc()).limit(1)).first()


def record(
    session: Session,
    action: AuditAction,
    *,
    by: Actor,
    on: AuditObject | None = None,
    **details: int | StrEnum,
) -> None:
    """Add an entry, in the transaction of what it is about. `details` are numbers and words of ours, never free text:
    it could hold an address.
    """
    session.add(
        AuditEntry(
            actor_kind=by.kind,
            staff_member_id=by.id if by.kind is ActorKind.EDITOR else None,
            action=action,
            object_kind=on.kind if on else None,
            object_id=on.id if on else None,
            details={name: str(value) if isinstance(value, StrEnum) else int(value) for name, value in details.items()},
        )
    )
    session.flush()


def names(session: Session) -> dict[int, str]:
    """The names of all people by number, also of those who were removed. A name is what its owner enters: one that may
    be taken for another's has the number there, too.
    """
    rows = session.execute(select(StaffMember.id, StaffMember.name, StaffMember.email))
    found = {number: name or email or "" for number, name, email in rows}
    same = Counter(map(_looks, (*found.values(), *ACTOR_WORDS.values())))
    return {
        # A number within a name could be another's.
        number: name if name and same[_looks(name)] == 1 and "#" not in _looks(name) else f"{name} (#{number})".strip()
        for number, name in found.items()
    }


def _looks(name: str) -> str:
    """A name as far as a quick look tells it from others."""
    return unicodedata.normalize("NFKC", name).casefold()


def delete_old_entries(session: Session, kept_for: timedelta) -> None:
    """Delete what is older than AUDIT_KEPT_FOR."""
    session.execute(delete(AuditEntry).where(AuditEntry.happened_at < clock.now() - kept_for))
