"""The payloads of mails to readers, for the outgoing table; `subscribers.transactional_mails` writes the mails."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from newsletter.mail.mail_types import MailPayload
from newsletter.subscribers.models import LinkPurpose


@dataclass(frozen=True)
class Confirmation(MailPayload):
    """Asks a reader to confirm a sign-up."""

    kind = "confirmation"
    requested_at: datetime
    """The reader's `confirmation_sent_at`: a later sign-up brings another mail, and this one is dropped."""


@dataclass(frozen=True)
class AlreadySubscribed(MailPayload):
    """Tells an active reader that somebody signed the address up again."""

    kind = "already_subscribed"
    requested_at: datetime
    """As for `Confirmation`."""


@dataclass(frozen=True)
class OneTimeLinkMail(MailPayload):
    """Brings a one-time link."""

    kind = "one_time_link"
    purpose: LinkPurpose


@dataclass(frozen=True)
class ChangedByLink(MailPayload):
    """Tells a reader what the links of letters changed."""

    kind = "changed_by_link"
    changes: tuple[str, ...]
    """Words of `LinkChange`, each once."""
    changed_at: datetime
    """When the last of them happened."""


@dataclass(frozen=True)
class NewAddress(MailPayload):
    """Asks the owner of a new address to confirm a change of address."""

    kind = "new_address"
    requested_at: datetime
    """The change's `requested_at`: a later request brings another mail, and this one is dropped."""


@dataclass(frozen=True)
class OldAddress(MailPayload):
    """Tells the old address of a change, with a link that undoes it."""

    kind = "old_address"
    changed_at: datetime
    """The change's `changed_at`: a change that was undone or followed by another has none or a later one."""
