"""Words for what is kept of a reader, on the page that shows it."""

from __future__ import annotations

from newsletter.core.languages import gettext_noop
from newsletter.delivery.events.event_kinds import EventKind
from newsletter.subscribers.mail_payloads import (
    AlreadySubscribed,
    ChangedByLink,
    Confirmation,
    NewAddress,
    OldAddress,
    OneTimeLinkMail,
)
from newsletter.subscribers.models import SubscriberStatus, SuppressionReason, UnsubscribeReason

STATUS = {
    SubscriberStatus.PENDING: gettext_noop("not confirmed"),
    SubscriberStatus.ACTIVE: gettext_noop("subscribed"),
    SubscriberStatus.UNSUBSCRIBED: gettext_noop("unsubscribed"),
    SubscriberStatus.BOUNCED: gettext_noop("ended because an email came back"),
    SubscriberStatus.COMPLAINED: gettext_noop("ended because a letter was reported as spam"),
}
REASONS = {
    UnsubscribeReason.OFTEN: gettext_noop("It came too often"),
    UnsubscribeReason.CONTENT: gettext_noop("The stories were not for me"),
    UnsubscribeReason.TRUST: gettext_noop("I did not trust it"),
    UnsubscribeReason.OTHER: gettext_noop("Something else"),
}
"""The answers that the page after unsubscribing offers."""
SUPPRESSION = {
    SuppressionReason.UNSUBSCRIBED: gettext_noop("since %(when)s, because you unsubscribed"),
    SuppressionReason.ERASED: gettext_noop("since %(when)s, because your data was erased"),
    SuppressionReason.BOUNCED: gettext_noop("since %(when)s, because an email came back"),
    SuppressionReason.COMPLAINED: gettext_noop("since %(when)s, because a letter was reported as spam"),
}
WAITING_MAILS = {
    Confirmation.kind: gettext_noop("asks you to confirm (%(when)s)"),
    AlreadySubscribed.kind: gettext_noop("says that you are subscribed already (%(when)s)"),
    OneTimeLinkMail.kind: gettext_noop("brings a link that was requested (%(when)s)"),
    ChangedByLink.kind: gettext_noop("says what a link from a letter changed (%(when)s)"),
    NewAddress.kind: gettext_noop("asks you to confirm the new address (%(when)s)"),
    OldAddress.kind: gettext_noop("notifies the old address (%(when)s)"),
}
OUTCOMES = {
    "accepted": gettext_noop("accepted by your email provider"),
    "refused": gettext_noop("refused by your email provider"),
    "skipped": gettext_noop("not sent: no story matched your preferences, or you had unsubscribed"),
    "in_doubt": gettext_noop("not known whether it arrived"),
    "waiting": gettext_noop("about to be sent"),
    "deferred": gettext_noop("will be tried again"),
    "cancelled": gettext_noop("not sent: we cancelled it"),
}
EVENTS = {
    EventKind.BOUNCED: gettext_noop("Came back: no such mailbox"),
    EventKind.SOFT_BOUNCED: gettext_noop("Came back for the time being"),
    EventKind.BLOCKED: gettext_noop("Blocked by your email provider"),
    EventKind.DROPPED: gettext_noop("Not sent by our email provider"),
    EventKind.COMPLAINED: gettext_noop("Reported as spam"),
    EventKind.UNSUBSCRIBED: gettext_noop("Unsubscribed through the email program"),
}
