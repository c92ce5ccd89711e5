"""The one list of what is kept about readers, column by column, in words for the privacy page: why, and how long.

A test compares it with the schema: a column about readers without words fails. The times come from the code and the
settings that end them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from newsletter.core.config import Settings
from newsletter.core.languages import gettext_noop
from newsletter.delivery.events import stored_reports
from newsletter.mail import outgoing_retries
from newsletter.subscribers import retention, salts

Columns = tuple[str, ...]


@dataclass(frozen=True)
class Kept:
    """Something that is kept, for one reason and one time."""

    what: str
    why: str
    until: str
    """With %(time)s where there is a time."""
    columns: Mapping[str, Columns]
    """Those that hold it, by their table, with the numbers and counters that go with them."""
    time: Callable[[Settings], timedelta] | None = None


WHILE_SUBSCRIBED = gettext_noop("While you are subscribed, and %(time)s longer: email providers report for weeks.")
AT_THE_END = gettext_noop("As long as your address.")


def _ended(settings: Settings) -> timedelta:
    return settings.ended_subscriptions_kept_for


def _consent(settings: Settings) -> timedelta:
    return settings.consent_kept_for


KEPT = (
    Kept(
        gettext_noop("A sign-up that is not confirmed: the address, what was chosen, the page, the words agreed to"),
        gettext_noop("To send the link, and to wait for the confirmation."),
        gettext_noop("%(time)s at most."),
        {
            "signup_requests": (
                *("id", "address", "address_key", "preferences", "page", "wording", "rank", "requested_at"),
            )
        },
        lambda settings: retention.UNCONFIRMED_FOR,
    ),
    Kept(
        gettext_noop("Your email address"),
        gettext_noop("To send the letters there."),
        WHILE_SUBSCRIBED,
        {"subscribers": ("id", "address", "address_key")},
        _ended,
    ),
    Kept(
        gettext_noop(
            "Your preferences: how often, sections, lowest trust, highest hype, breaking news, hour and time zone, "
            "format, language, pause"
        ),
        gettext_noop("To send what you asked for, when you asked for it."),
        AT_THE_END,
        {
            "subscribers": (
                *("cadence", "sections", "min_trust", "max_hype", "breaking", "hour", "zone", "format", "language"),
                "paused_until",
            )
        },
    ),
    Kept(
        gettext_noop(
            "When you signed up, confirmed and unsubscribed, why if you told us, and when we last emailed you about it"
        ),
        gettext_noop("To write to nobody who did not confirm or has unsubscribed, and not too often."),
        AT_THE_END,
        {
            "subscribers": (
                *("status", "created_at", "confirmation_sent_at", "confirmations_sent", "confirmed_at", "ended_at"),
                *("unsubscribed_at", "unsubscribe_reason", "change_mail_at"),
            )
        },
    ),
    Kept(
        gettext_noop("The secret part of the links in your letters"),
        gettext_noop("To open your preferences without a password."),
        AT_THE_END,
        {"subscribers": ("token",)},
    ),
    Kept(
        gettext_noop("What you agreed to: the words, the page, when you entered the address and when you confirmed"),
        gettext_noop("To be able to show your consent."),
        gettext_noop("While you are subscribed, and %(time)s after the end."),
        {"consents": ("id", "subscriber_id", "wording", "page", "requested_at", "confirmed_at")},
        _consent,
    ),
    Kept(
        gettext_noop("A new or a former address of yours, and when a change was asked for"),
        gettext_noop("To confirm a change, and to let you undo it."),
        gettext_noop("%(time)s."),
        {
            "address_changes": (
                *("id", "subscriber_id", "address", "address_key", "requested_at", "requests", "changed_at"),
            )
        },
        lambda settings: retention.UNCONFIRMED_FOR,
    ),
    Kept(
        gettext_noop("When you last asked for a link to your data or to change your address"),
        gettext_noop("To keep anybody from flooding your mailbox."),
        AT_THE_END,
        {"one_time_links": ("subscriber_id", "purpose", "requested_at", "requests")},
    ),
    Kept(
        gettext_noop("An email to you that waits: a confirmation or a notice, with what it is about"),
        gettext_noop("To send it."),
        gettext_noop("Until the mail server takes it, %(time)s at most."),
        {
            "outgoing_mail": (
                *("id", "kind", "subscriber_id", "payload", "attempt", "not_before", "lease_until", "note"),
                "created_at",
            )
        },
        lambda settings: outgoing_retries.GIVE_UP_AFTER,
    ),
    Kept(
        gettext_noop("Which letters were sent to you, under a number, and which the mail server took"),
        gettext_noop("To send no letter twice, and to tell you of corrections."),
        gettext_noop("For good; the number leads to nobody once your address is gone."),
        {
            "batches": ("recipients", "outcomes", "first_id", "last_id", "edition_id", "pausing_answers"),
            "editions": ("id", "digest_id", "mask", "language", "format"),
        },
    ),
    Kept(
        gettext_noop("Why a letter to you was refused"),
        gettext_noop("To stop writing to a mailbox that is gone."),
        AT_THE_END,
        {"refusals": ("id", "digest_id", "subscriber_id", "reason", "temporary", "about", "created_at")},
    ),
    Kept(
        gettext_noop("What email providers reported about letters to you: that one came back, or was marked as spam"),
        gettext_noop("To stop writing to a mailbox that is gone, and to readers who do not want it."),
        AT_THE_END,
        {
            "events": (
                *("id", "subscriber_id", "digest_id", "kind", "dedupe_key", "reason", "occurred_at", "withdrawn_at"),
            )
        },
    ),
    Kept(
        gettext_noop("Those reports as they came"),
        gettext_noop("To see what went wrong, and to undo what a wrong report did."),
        gettext_noop("%(time)s."),
        {"stored_reports": ("id", "subscriber_id", "kind", "dedupe_key", "received_at", "content")},
        lambda settings: stored_reports.KEPT_FOR,
    ),
    Kept(
        gettext_noop("Reports that are not read yet"),
        gettext_noop("To read them."),
        gettext_noop("Until they are read, usually at once."),
        {"webhook_deliveries": (*("id", "provider", "body_hash", "received_at", "payload", "attempt", "not_before"),)},
    ),
    Kept(
        gettext_noop(
            "After the end: a code that your address cannot be read from, how and when it ended, your consent"
        ),
        gettext_noop("To be able to show your consent, and to answer links in old letters."),
        gettext_noop("The consent %(time)s after the end; the code until you ask us to erase it."),
        {
            "past_subscriptions": (
                *("id", "key_hash", "token_hash", "ended_as", "reason", "confirmed_at", "ended_at", "consents"),
            )
        },
        _consent,
    ),
    Kept(
        gettext_noop("A code of an address that must not be emailed, why, and since when"),
        gettext_noop("So that nobody signs you up again without you."),
        gettext_noop("For good, after an erasure too: without it we could not keep that promise."),
        {"suppressions": ("key_hash", "reason", "created_at")},
    ),
    Kept(
        gettext_noop("That an address may be emailed again, and why"),
        gettext_noop("To be able to show how that came about."),
        gettext_noop("Until you ask us to erase it."),
        {"unsuppressions": ("id", "key_hash", "reason", "why", "unsuppressed_at")},
    ),
    Kept(
        gettext_noop("Counts of sign-ups by network, under codes; what makes the codes is replaced each hour"),
        gettext_noop("To hold off floods of sign-ups."),
        gettext_noop("%(time)s, then nobody can tell what was counted."),
        {"rate_limit_salts": ("id", "salt", "made_at")},
        lambda settings: salts.LIFETIME,
    ),
    Kept(
        gettext_noop("What an editor did about your subscription, such as looking it up, under a number"),
        gettext_noop("To be able to see who looked at or changed it."),
        gettext_noop("%(time)s; the number leads to nobody once your address is gone."),
        {
            "audit_entries": (
                *(
                    "id",
                    "happened_at",
                    "actor_kind",
                    "staff_member_id",
                    "action",
                    "object_kind",
                    "object_id",
                    "details",
                ),
            )
        },
        lambda settings: settings.audit_kept_for,
    ),
    Kept(
        gettext_noop(
            "Of a payment at Ko-fi: day, kind, amount, currency and two hashes; name and message only if they were "
            "sent as public there. Nothing connects it with a reader"
        ),
        gettext_noop("To show what comes in, and to count each payment once."),
        gettext_noop("Name and message until their writer asks us to delete them, the rest for good."),
        {
            "support_payments": (
                *("id", "message_hash", "transaction_hash", "day", "kind", "currency", "exponent", "minor_units"),
                *("is_public", "name", "words", "hidden_at"),
            )
        },
    ),
)
