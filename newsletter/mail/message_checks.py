"""Checks of a message as it was sent: what it loads, where its links lead, and which of them tell readers apart.

They look at the raw message alone, without a network, so that anybody can repeat them on the file.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message as ParsedMessage
from urllib.parse import parse_qsl, urlsplit

from newsletter.mail.campaign_parameters import campaign_parameters
from newsletter.mail.html_references import MailLink, References
from newsletter.mail.public_copy import LEFT_OUT

REDIRECTORS = (
    *("bit.ly", "t.co", "lnkd.in", "tinyurl.com", "goo.gl", "ow.ly", "buff.ly", "is.gd", "rebrand.ly", "cutt.ly"),
    *("sendgrid.net", "list-manage.com", "mailchi.mp", "mandrillapp.com", "awstrack.me", "sparkpostmail2.com"),
    *("mailgun.org", "hubspotlinks.com", "exct.net", "convertkit-mail.com", "klclick.com", "mailjet.com", "mjt.lu"),
)
"""Hosts, with all below them, that count a click and lead on: shorteners, and the link servers of mail providers."""
_SCHEMES = ("http://", "https://", "mailto:", "#")
"""How an address begins that a link of a mail may have."""

_TARGETS = frozenset(("url", "u", "to", "target", "dest", "destination", "redirect", "redirect_uri", "goto", "link"))
"""Parameters in which a redirecting address holds the one that it leads to."""
_SHARING = {
    ("x.com", "/intent/tweet"),
    ("www.linkedin.com", "/sharing/share-offsite/"),
    ("bsky.app", "/intent/compose"),
    ("share.joinmastodon.org", "/"),
}
"""Pages that take an address to share it, and lead nowhere (`mail.share_links`)."""

_PERSONAL = "\ue000"
"""Stands for LEFT_OUT in addresses, which hold no space."""
_ADDRESS = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
_LOOKS_LIKE_ADDRESS = re.compile(r"(?:https?://|www\.)((?:[a-z0-9-]+\.)+[a-z]{2,})(?:[:/?#]\S*)?", re.IGNORECASE)
_EMBEDDED = ("cid:", "data:")
_SENTENCE_ENDS = ".,;:!?)'\u201d"


@dataclass(frozen=True)
class MessageChecks:
    """The findings on a message; each is empty in a message that keeps what we promise."""

    links: int
    """The different addresses that its links lead to."""
    remote_resources: tuple[str, ...]
    """The places of what a mail program would fetch from elsewhere, such as "<img src>"."""
    redirects: tuple[str, ...]
    """Addresses that lead elsewhere than they say."""
    personal_addresses: tuple[str, ...]
    """Addresses that tell readers apart and are none of the allowed ones."""
    campaign_parameters: tuple[str, ...]
    """Names such as "utm_source"."""
    other_addresses: tuple[str, ...]
    """Addresses that a mail program does not open as a page or as a mail, such as "javascript:…"."""
    elements: tuple[str, ...]
    """The names of all elements of its HTML, in their order: no finding, but more can be found by them."""

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found."""
        return not (
            self.remote_resources
            or self.redirects
            or self.personal_addresses
            or self.campaign_parameters
            or self.other_addresses
        )


def check_message(raw: bytes, allowed: Collection[str]) -> MessageChecks:
    """Check a public copy (`mail.public_copy`), in which LEFT_OUT stands for each reader's token.

    `allowed` are the addresses, with LEFT_OUT in them, that may tell readers apart: preferences and unsubscribing.
    """
    message = message_from_bytes(raw)
    references = [References(_with_stand_in(text)) for text in _texts(message, "text/html")]
    links = [link for each in references for link in each.links if link.address.lower().startswith("http")]
    links += [MailLink(address, "") for address in _addresses_in(_texts(message, "text/plain"))]
    links += [MailLink(address, "") for address in _addresses_in(str(value) for value in message.values())]
    addresses = list(dict.fromkeys(link.address for link in links))
    own = {_with_stand_in(address) for address in allowed}
    return MessageChecks(
        links=len(addresses),
        remote_resources=_once(
            load.place
            for each in references
            for load in each.loads
            if not load.address.strip().lower().startswith(_EMBEDDED)
        ),
        redirects=_once(_shown(link.address) for link in links if _is_redirect(link)),
        personal_addresses=_once(
            _shown(address) for address in addresses if _PERSONAL in address and address not in own
        ),
        campaign_parameters=_once(name for address in addresses for name in campaign_parameters(address)),
        other_addresses=_once(
            _shown(link.address)
            for each in references
            for link in each.links
            if not link.address.strip().lower().startswith(_SCHEMES)
        ),
        elements=tuple(name for each in references for name in each.elements),
    )


def _texts(message: ParsedMessage, content_type: str) -> Iterator[str]:
    for part in message.walk():
        if part.get_content_type() == content_type:
            payload = part.get_payload(decode=True)
            assert isinstance(payload, bytes)
            yield payload.decode(part.get_content_charset("utf-8"), "replace")


def _addresses_in(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        for found in _ADDRESS.finditer(_with_stand_in(text)):
            yield found[0].rstrip(_SENTENCE_ENDS)


def _is_redirect(link: MailLink) -> bool:
    """Whether the link leads elsewhere than it says: by its host, by an address within it, or by its own words."""
    try:
        parts = urlsplit(link.address)
        host = (parts.hostname or "").lower()
    except ValueError:
        return False
    if any(host == each or host.endswith(f".{each}") for each in REDIRECTORS):
        return True
    is_sharing = (host, parts.path) in _SHARING
    if not is_sharing and any(
        name.lower() in _TARGETS and value.lower().startswith(("http://", "https://", "//"))
        for name, value in parse_qsl(parts.query)
    ):
        return True
    named = _LOOKS_LIKE_ADDRESS.fullmatch(link.words)
    return named is not None and named[1].lower().removeprefix("www.") != host.removeprefix("www.")


def _with_stand_in(text: str) -> str:
    return text.replace(LEFT_OUT, _PERSONAL)


def _shown(address: str) -> str:
    return address.replace(_PERSONAL, LEFT_OUT)


def _once(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found))
