"""The checks of the preflight that found nothing, in words: an editor sees what was looked at."""

from __future__ import annotations

from collections.abc import Iterable

from newsletter.core.languages import gettext_noop
from newsletter.digests.findings import Finding
from newsletter.web.language import page_language

CHECKS = {
    gettext_noop("nothing from elsewhere"): ("mail.remote_resource", "mail.forbidden_element"),
    gettext_noop("no redirect"): ("mail.redirect",),
    gettext_noop("no tracking parameter"): ("mail.tracking_link",),
    gettext_noop("no personal address"): ("mail.personal_address",),
    gettext_noop("schemes of links"): ("mail.forbidden_address",),
    gettext_noop("size"): ("mail.too_large",),
    gettext_noop("length of subject and preheader"): ("text.long_subject", "text.long_preheader"),
    gettext_noop("placeholders"): ("text.placeholder",),
    gettext_noop("headings"): ("text.heading_order", "mail.heading_order"),
    gettext_noop("contrast"): ("mail.contrast",),
    gettext_noop("words of links"): ("link.empty", "link.same_words"),
    gettext_noop("links to our pages"): ("link.dead_own",),
    gettext_noop("links with encryption"): ("link.insecure", "article.insecure_address"),
    gettext_noop("addresses of sources"): ("article.source_without_address",),
    gettext_noop("use before"): ("article.used",),
    gettext_noop("trust"): ("article.below_trust", "lead.none", "lead.below_trust"),
    gettext_noop("hype"): ("article.much_hype",),
    gettext_noop("newest revisions"): (
        "article.changed",
        "article.corrected",
        "article.corrected_seriously",
        "article.withdrawn",
    ),
}
"""The codes that say that a check found something."""


def passed_checks(found: Iterable[Finding]) -> list[str]:
    """The checks of a digest with stories that found nothing."""
    codes, gettext = {each.code for each in found}, page_language().gettext
    return [gettext(words) for words, known in CHECKS.items() if codes.isdisjoint(known)]
