"""Mails of digests as they were rendered, cached by each process for a minute.

One takes 20 ms, and a composer with its preview needs five of the same version. No mail to a reader is taken from here:
the freeze renders and checks it anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy.orm import Session

from newsletter.articles.models import Revision
from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.languages import PUBLICATION_LANGUAGE
from newsletter.core.runtime import runtime
from newsletter.delivery.reports.edition_preview import preview_edition, rendered_in
from newsletter.digests.findings import Finding
from newsletter.digests.links.digest_links import DigestLink
from newsletter.digests.mail_findings import check_mails
from newsletter.digests.models import Digest
from newsletter.digests.rendering import RenderedDigest
from newsletter.web.desk.value_cache import ValueCache

CURRENT_FOR = 60.0
"""Seconds. Each change of a digest raises its version; the address of a story elsewhere can change without."""


class _Key(NamedTuple):
    """A digest as it stands, and the day, which each mail shows."""

    digest_id: int
    version: int
    day: date

    @classmethod
    def of(cls, digest: Digest) -> _Key:
        return cls(digest.id, digest.version, clock.now().astimezone(runtime().settings.timezone).date())


class MailSize(NamedTuple):
    """The size of the edition with all stories."""

    words: int
    bytes: int


_rendered: ValueCache[tuple[_Key, str, tuple[int, ...]], RenderedDigest] = ValueCache(CURRENT_FOR)
_sizes: ValueCache[_Key, MailSize] = ValueCache(CURRENT_FOR)
_findings: ValueCache[_Key, tuple[Finding, ...]] = ValueCache(CURRENT_FOR)


def cached_rendering(
    session: Session, digest: Digest, language: str, corrections: Sequence[Revision] = ()
) -> RenderedDigest:
    """A digest in a language, as `rendered_in` has it."""
    key = (_Key.of(digest), language, tuple(each.id for each in corrections))
    return _rendered.get(key, lambda: rendered_in(session, runtime().settings, digest, language, corrections))


def cached_size(session: Session, digest: Digest) -> MailSize:
    """The size of a digest that holds something."""
    return _sizes.get(_Key.of(digest), lambda: _measure(cached_rendering(session, digest, PUBLICATION_LANGUAGE)))


def _measure(rendered: RenderedDigest) -> MailSize:
    text = preview_edition(rendered, rendered.full_mask).text
    return MailSize(len(text.split()), rendered.most_html_bytes)


def cached_mail_findings(settings: Settings, digest: Digest, links: Sequence[DigestLink]) -> Sequence[Finding]:
    """The findings of `check_mails`, for the preflight of pages."""
    return _findings.get(_Key.of(digest), lambda: tuple(check_mails(settings, digest, links)))
