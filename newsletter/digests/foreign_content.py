"""Content that no mail may hold: what loads from elsewhere, reports a reader, misleads, or runs.

`mail.message_checks` finds all but what runs, as on the public pages; here it becomes findings, each at its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from newsletter.digests.findings import Finding
from newsletter.digests.links.digest_links import DigestLink
from newsletter.mail.campaign_parameters import campaign_parameters
from newsletter.mail.message_checks import MessageChecks

_FORBIDDEN = ("script", "iframe", "object", "embed", "form")


def find_foreign_content(checks: MessageChecks, links: Sequence[DigestLink] = ()) -> Iterator[Finding]:
    """The findings on a mail, by the checks of its message. `links` tell at which place one stands."""
    for place in checks.remote_resources:
        yield _finding("remote_resource", "It would load something from elsewhere (%(what)s).",
                       "Take that out of the template or the article.", what=place)  # fmt: skip
    for address in checks.redirects:
        yield _finding("redirect", "%(place)s has a link that leads elsewhere than it says: %(address)s.",
                       "Put the address there that it leads to, under words that fit.",
                       _place(links, address), address=address)  # fmt: skip
    for address in checks.personal_addresses:
        yield _finding("personal_address", "%(place)s has a link that tells readers apart: %(address)s.",
                       "Take it out.", _place(links, address), address=address)  # fmt: skip
    for parameter in checks.campaign_parameters:
        link = next((each for each in links if each.is_mailed and parameter in campaign_parameters(each.address)), None)
        yield _finding("tracking_link", "%(place)s has a link with the tracking parameter %(parameter)s.",
                       "Take the parameter out of the link.", link, parameter=parameter)  # fmt: skip
    for address in checks.other_addresses:
        yield _finding("forbidden_address", "%(place)s has a link to %(address)s, which is no address of the web.",
                       "Take it out.", _place(links, address), address=address[:80])  # fmt: skip
    for tag in checks.elements:
        if tag in _FORBIDDEN:
            yield _finding("forbidden_element", "It holds <%(tag)s>, which no mail of ours may.",
                           "Take the element out of the template.", tag=tag)  # fmt: skip


def _place(links: Sequence[DigestLink], address: str) -> DigestLink | None:
    return next((link for link in links if link.is_mailed and link.address == address), None)


def _finding(code: str, message: str, remedy: str, link: DigestLink | None = None, **values: object) -> Finding:
    if link is None:
        return Finding(f"mail.{code}", "mail", message, remedy, {"place": "The mail", **values})
    return Finding(f"mail.{code}", link.where, message, remedy, {**link.place, **values})
