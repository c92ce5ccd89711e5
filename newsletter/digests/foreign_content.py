"""Content that no mail may hold: what loads from elsewhere, reports a reader, or runs."""

from __future__ import annotations

from newsletter.digests.findings import Finding
from newsletter.mail.campaign_parameters import campaign_parameters
from newsletter.mail.html_references import References

_FORBIDDEN = ("script", "iframe", "object", "embed", "form")


def find_foreign_content(html: str) -> list[Finding]:
    """Find what `html` would load, run or report when opened or clicked: pixels, fonts, scripts, tracking."""
    references = References(html)
    return [
        *(_loads(load.place) for load in references.loads),
        *(_tracks(name) for link in references.links for name in campaign_parameters(link.address)),
        *(_forbidden(tag) for tag in references.elements if tag in _FORBIDDEN),
    ]


def _loads(what: str) -> Finding:
    return Finding(
        "mail.remote_resource",
        "mail",
        "It would load something from elsewhere (%(what)s).",
        "Take that out of the template or the article.",
        {"what": what},
    )


def _tracks(parameter: str) -> Finding:
    return Finding(
        "mail.tracking_link",
        "mail",
        "One of its links carries the tracking parameter %(parameter)s.",
        "Take the parameter out of the link.",
        {"parameter": parameter},
    )


def _forbidden(tag: str) -> Finding:
    return Finding(
        "mail.forbidden_element",
        "mail",
        "It holds <%(tag)s>, which no mail of ours may.",
        "Take the element out of the template.",
        {"tag": tag},
    )
