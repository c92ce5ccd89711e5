"""The columns of the exports of other services, as data: addresses, and whether a reader still wants mail.

Names are compared by `plain_name`. A column that seems to say who unsubscribed, bounced or was deleted, and is in no
table here, stops an import: passing over it would bring those people in.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from enum import StrEnum
from typing import NamedTuple

from newsletter.subscribers import preferences

OWN_COLUMNS = (*preferences.PREFERENCE_COLUMNS, "confirmed_at")
"""Columns with exactly these names are read as our own export writes them."""

ADDRESS_COLUMNS = frozenset(
    {"email", "e mail", "email address", "e mail address", "emailaddress", "email adresse", "e mail adresse", "mail"}
)
OTHER_ADDRESS_COLUMNS = frozenset(
    {"subscriber email", "user email", "contact email", "primary email", "email 1", "mailadresse"}
    | {"adresse email", "adresse e mail", "courriel", "correo electrónico", "correo", "indirizzo email"}
    | {"indirizzo e mail", "emailadres", "e mailadres", "adres email", "adres e mail", "endereço de email"}
    | {"endereço de e mail", "e post", "epost"}
)
ADDRESS_NAMES = (ADDRESS_COLUMNS, OTHER_ADDRESS_COLUMNS, frozenset({"address"}))
"""The first of them that a file has counts: beside "email", "address" is a postal address."""


class Standing(StrEnum):
    """The standing of a reader at the service that wrote the file, as a row states it; the weakest first."""

    ACTIVE = "active"
    UNKNOWN = "unknown"
    UNCONFIRMED = "unconfirmed"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"


STRENGTH = {standing: strength for strength, standing in enumerate(Standing)}
"""The strongest counts where the columns of a row differ."""


class StandingColumn(NamedTuple):
    """How the cells of a column are understood: by their words in small letters, and all others alike."""

    words: dict[str, Standing]
    otherwise: Standing = Standing.UNKNOWN

    def standing(self, cell: str) -> Standing:
        """The standing that a cell states."""
        return self.words.get(cell.lower(), self.otherwise)


_NO = ("no", "n", "false", "f", "0", "never", "none", "null", "nein", "non", "0000-00-00 00:00:00")
_YES = ("yes", "y", "true", "t", "1", "ja", "oui", "subscribed", "confirmed", "active")


def _if_set(standing: Standing) -> StandingColumn:
    """A flag or a time: any cell but an empty one and "no" means `standing`."""
    return StandingColumn(dict.fromkeys(("", *_NO), Standing.ACTIVE), standing)


def _if_not_set(standing: Standing) -> StandingColumn:
    """A flag of readers who want mail: "no" means `standing`."""
    return StandingColumn(dict.fromkeys(("", *_YES), Standing.ACTIVE) | dict.fromkeys(_NO, standing))


def _words(**words: str) -> StandingColumn:
    """For each standing the words that mean it, separated by commas. Empty cells are those of active readers."""
    by_word = {word.strip(): Standing(standing) for standing, row in words.items() for word in row.split(",")}
    return StandingColumn({"": Standing.ACTIVE} | by_word)


_STATUS = _words(
    active="active, aktiv, confirmed, enabled, subscribed, true, express, confirmed opt-in, single opt-in, opt-in",
    unconfirmed="pending, unconfirmed, unactivated, awaiting confirmation, not confirmed, nonsubscribed, "
    "non-subscribed, not subscribed, never subscribed, never_subscribed, transactional, not set, implied, validating",
    unsubscribed="unsubscribed, unsubscribe, left, opted out, opted_out, opt-out, optout, blocklisted, blacklisted, "
    "disabled, deleted, removed, archived, cancelled, canceled, abgemeldet, false",
    bounced="bounced, cleaned, hard bounced, hard bounce, hardbounced, undeliverable, invalid, junk",
    complained="complained, complaint, abuse, abused, abuse complaint, spam, spam complaint, marked as spam",
)
_TYPE = _words(
    active="regular, premium, gifted, trialed, free, paid, comp, founding",
    unconfirmed="unactivated, unpaid, upcoming",
    unsubscribed="unsubscribed, removed, blocked",
    bounced="undeliverable",
    complained="complained, spammy",
)
_MARKETING = _words(active="marketing contact", unconfirmed="non-marketing contact")
_DO_NOT_CONTACT = StandingColumn(
    _if_set(Standing.UNSUBSCRIBED).words | {"2": Standing.BOUNCED, "bounced": Standing.BOUNCED}, Standing.UNSUBSCRIBED
)
_ACCEPTS = StandingColumn(_if_not_set(Standing.UNCONFIRMED).words | {"": Standing.UNCONFIRMED})
_UNSUBSCRIBED, _BOUNCED = _if_set(Standing.UNSUBSCRIBED), _if_set(Standing.BOUNCED)
_COMPLAINED, _UNCONFIRMED = _if_set(Standing.COMPLAINED), _if_not_set(Standing.UNCONFIRMED)

STANDING_COLUMNS: dict[str, StandingColumn] = {
    # Many services, and our own export
    **dict.fromkeys(("status", "email status", "subscription status", "subscriber status"), _STATUS),
    **dict.fromkeys(("subscriber state", "subscription state", "contact status"), _STATUS),
    "state": StandingColumn(_STATUS.words, Standing.ACTIVE),  # that of a postal address, too
    "newsletter": StandingColumn(dict.fromkeys(_NO, Standing.UNSUBSCRIBED), Standing.ACTIVE),  # a flag, or a name
    **dict.fromkeys(
        ("active", "aktiv", "is active", "enabled", "is enabled", "is subscribed"), _if_not_set(Standing.UNSUBSCRIBED)
    ),
    **dict.fromkeys(("unsubscribed", "unsubscribed at", "unsubscribe date", "unsubscribed date"), _UNSUBSCRIBED),
    **dict.fromkeys(("unsubscribe time", "unsubscribe reason", "unsubscribed reason", "abgemeldet am"), _UNSUBSCRIBED),
    **dict.fromkeys(("unsubscription date", "opt out reason", "dnc reason"), _UNSUBSCRIBED),
    **dict.fromkeys(("abgemeldet", "removed", "removed at", "archived", "archived at", "banned"), _UNSUBSCRIBED),
    **dict.fromkeys(("opt out", "optout", "opted out", "opt out date", "opt out time", "optout time"), _UNSUBSCRIBED),
    **dict.fromkeys(("blocked", "disabled", "suppressed", "deleted", "deleted at", "deactivated"), _UNSUBSCRIBED),
    **dict.fromkeys(("bounced", "bounced at", "hard bounced", "hard bounce", "bounce date"), _BOUNCED),
    **dict.fromkeys(("hardbounce", "email bounced", "undeliverability date"), _BOUNCED),
    **dict.fromkeys(("complained", "complained at", "spam complaint", "marked as spam", "complaint"), _COMPLAINED),
    **dict.fromkeys(("opt in", "optin", "subscribed", "verified", "email verified"), _UNCONFIRMED),
    **dict.fromkeys(
        ("opted in", "email opt in", "newsletter opt in", "newsletter optin", "marketing opt in"), _ACCEPTS
    ),
    # Brevo
    "email blacklisted": _UNSUBSCRIBED,
    "email blocklisted": _UNSUBSCRIBED,
    "blocklisted": _UNSUBSCRIBED,
    "double opt in": StandingColumn(_UNCONFIRMED.words | {"2": Standing.UNCONFIRMED}),
    # Buttondown
    "type": _TYPE,
    "subscriber type": _TYPE,
    "unsubscription reason": _UNSUBSCRIBED,
    "undeliverability reason": _BOUNCED,
    # Constant Contact
    "email permission status": _STATUS,
    "confirmed opt out date": _UNSUBSCRIBED,
    # Ghost
    "subscribed to emails": _if_not_set(Standing.UNSUBSCRIBED),
    # Substack and Ghost
    "email disabled": _UNSUBSCRIBED,
    # HubSpot
    "unsubscribed from all email": _UNSUBSCRIBED,
    "opted out of all email": _UNSUBSCRIBED,
    "marketing contact status": _MARKETING,
    "email hard bounce reason": _BOUNCED,
    "invalid email address": _BOUNCED,
    "email address quarantined": _BOUNCED,
    # Klaviyo
    "email marketing consent": _STATUS,
    "email suppressions": _UNSUBSCRIBED,
    # Mailchimp's files of unsubscribed and cleaned readers
    "unsub time": _UNSUBSCRIBED,
    "unsub reason": StandingColumn(
        {"": Standing.ACTIVE, "abuse": Standing.COMPLAINED, "spam": Standing.COMPLAINED}, Standing.UNSUBSCRIBED
    ),
    "clean time": _BOUNCED,
    # MailPoet
    "list status": _STATUS,
    "global status": _STATUS,
    # Shopify
    **dict.fromkeys(("accepts marketing", "accepts email marketing"), _ACCEPTS),
    # Mautic
    **dict.fromkeys(("dnc", "do not contact", "do not contact email", "donotemail", "donotcontact"), _DO_NOT_CONTACT),
    # phpList
    **dict.fromkeys(("confirmed", "is the email of this user confirmed"), _UNCONFIRMED),
    **dict.fromkeys(("is this user blacklisted", "blacklisted", "is this user disabled?"), _UNSUBSCRIBED),
    **dict.fromkeys(("is this subscriber blacklisted", "is this account disabled?"), _UNSUBSCRIBED),
}
"""Columns that say whether a reader still wants mail."""

FILES_OF_UNSUBSCRIBED = ("unsub time", "clean time")
"""Columns that stand only in files of people who unsubscribed, or whose mailboxes are gone (Mailchimp)."""

_HARMLESS = frozenset(
    {
        "accepts sms marketing",
        "sms marketing consent",
        "email marketing consent timestamp",
        "email suppressions timestamp",
        "commenting disabled",
        "days active (30d)",
        "subscribed at",
        "subscribed ip",
        "last subscribed at",
        "sms blacklisted",
        "sms blocklisted",
        "whatsapp blacklisted",
        "unsub campaign title",
        "unsub campaign id",
        "unsub reason other",
        "clean campaign title",
        "clean campaign id",
        "confirmed opt out source",
        "confirmed opt out reason",
        "active subscription",
        "cancel date",
        "churn date",
        "digest enabled",
        "activity",
        "last activity",
        "last active",
        "last active at",
        "lead status",
        "marital status",
        "member status",
        "marketing contact status source name",
        "marketing emails bounced",
        "bouncecount",
        "number of bounces on this user",
        "bounce count",
        "soft bounces",
    }
)
"""Columns with such a word in their name that say nothing about mail to the reader."""

_SEEMS_STANDING = re.compile(
    r"^(accept|allow|want|receive)s?\b|allowed$|opt(ed)? ?in$|mailable|contactable|reachable|deliverable|quarantin"
    r"|reject|\brefus|declin|denied|objected|objection|withdr[ae]w|revoked|resigned|returned|no ?mail|paused|snoozed"
    r"|expired|\bended\b|trash|\bmuted\b|^(email |mail |newsletter )?subscription$|(email|marketing) preferences"
    r"|confirmation|confirmé|confirmad|bestätigt|kein newsletter|sperr|kündigung"
    r"|\b(in)?(aktiv|aktiw|actif|actief|activo|attivo|aktywn\w*)\b"
    r"|status|unsub|opt(ed)? ?out|bounc|delet|\bclean|suppress|(black|block) ?list|blocked|complain|\bspam|\babuse"
    r"|disabled|do ?not|\bdnc\b|unconfirmed|undeliver|\b(in|de)?activ(e|ated)\b|enabled|subscribed|subscriber state"
    r"|remov(e|ed|al)\b|archived|banned|cancel|churned|\bleft\b|\b(in)?valid\b|verified|consent|permission"
    r"|ab(ge)?meld|ab(be)?stell|aus(ge)?trag|gelöscht|gesperrt|inaktiv|widerruf|gekündigt|storniert|unzustellbar|ungültig"
    r"|einwilligung|zustand|désabonn|désinscri|rebond|supprimé|statut|consentement|estado|\bbaja\b|rebot|rechazad"
    r"|disiscri|cancellat|rimbalz|\bstato\b|uitgeschreven|afgemeld|verwijderd|wypisan|usunięt|situação|descadastr"
    r"|avregistr|avmeld|afmeld|odhlášen|отпис|статус"
)
_NEAR = {"section": "sections", "trust": "min_trust", "hype": "max_hype", "lang": "language"}
_CLOSE = 0.85
"""How alike two names are that a slip of the keyboard can have made one of the other (difflib's ratio)."""


def plain_name(name: str) -> str:
    """A column's name without case, and with one space for what separates its words."""
    return re.sub(r"[\s_-]+", " ", name.lower()).strip()


def seems_standing(name: str) -> bool:
    """Whether a column, by its name, may say who must get no mail, in a way that is not known here."""
    return name not in STANDING_COLUMNS and name not in _HARMLESS and _SEEMS_STANDING.search(name) is not None


def near_miss(name: str) -> str | None:
    """The column of ours that was perhaps meant; None for names that are like none."""
    if name in STANDING_COLUMNS or name in ADDRESS_COLUMNS:
        return None
    known = {plain_name(own): own for own in OWN_COLUMNS}
    if name in known or name in _NEAR:
        return known.get(name) or _NEAR[name]
    close = get_close_matches(name, known, n=1, cutoff=_CLOSE)
    return known[close[0]] if close else None
