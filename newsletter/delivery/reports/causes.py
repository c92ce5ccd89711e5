"""The causes of blocked mails, as far as reasons name them: each is mended in another place."""

from __future__ import annotations

import re
from enum import StrEnum

from newsletter.mail.failures.phrase_search import PhraseList
from newsletter.mail.failures.plain_words import plain_words


class Cause(StrEnum):
    """The causes, in the order in which they are looked for."""

    AUTHENTICATION = "authentication"
    """SPF, DKIM, DMARC, reverse DNS."""
    QUOTA = "quota"
    """Our own limit at a provider, or too many mails at a time."""
    RELAY = "relay"
    """A mail server that does not send for us."""
    BLOCK_LIST = "block list"
    """The reputation of our server or domain."""
    CONTENT = "content"
    """The mail itself: spam filters, size, links."""
    OTHER = "other"


_CODES = {
    Cause.AUTHENTICATION: re.compile(r"\b[45]\.7\.(?:2[0-9]|[5-9]|1[0-4]|30|31|515)\b"),
    Cause.QUOTA: re.compile(r"\b[45]\.(?:4\.5|1\.90|7\.(?:28|501|502|503|508|705))\b"),
    Cause.CONTENT: re.compile(r"\b[45]\.(?:6\.\d{1,3}|3\.4|7\.512)\b"),
}
_WORDS = {
    Cause.AUTHENTICATION: (
        "dmarc",
        "spf",
        "dkim",
        "unauthenticated",
        "authenticat*",
        "reverse dns",
        "ptr",
        "sender id",
    ),
    Cause.QUOTA: ("limit*", "quota", "rate", "too many", "frequency", "volume", "throttl*", "exceeded"),
    Cause.RELAY: ("relay*", "rcpthosts"),
    Cause.BLOCK_LIST: (
        *(
            "block list*",
            "blocklist*",
            "blacklist*",
            "black list*",
            "rbl",
            "dnsbl",
            "spamhaus",
            "spamcop",
            "barracuda*",
        ),
        *("reputation", "listed", "blocked", "banned", "sperrliste*", "schwarzen liste", "liste noire", "lista negra"),
    ),
    Cause.CONTENT: ("spam*", "content", "unsolicited", "bulk", "junk", "virus*", "phish*", "message size", "too large"),
}
_HOSTS = frozenset(["spamhaus", "spamcop", "barracudacentral"])


def find_cause(reason: str) -> Cause:
    """The cause that a reason names."""
    for cause, pattern in _CODES.items():
        if pattern.search(reason):
            return cause
    words = plain_words(reason, _HOSTS).split()
    return next((cause for cause, phrases in _PHRASES.items() if phrases.find(words)), Cause.OTHER)


_PHRASES = {cause: PhraseList(words) for cause, words in _WORDS.items()}
