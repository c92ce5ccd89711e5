"""The preflight of scheduled digests, cached for a moment: it renders a mail in each language."""

from __future__ import annotations

from collections.abc import Sequence

from newsletter.core.runtime import runtime
from newsletter.digests.findings import Finding, blocking
from newsletter.digests.models import Digest
from newsletter.digests.preflight import run_preflight
from newsletter.digests.queries import get_digest
from newsletter.web.desk.cached_mails import cached_mail_findings
from newsletter.web.desk.value_cache import ValueCache

_found: ValueCache[tuple[int, int], Sequence[Finding]] = ValueCache(30.0)


def blocking_findings(digest: Digest) -> Sequence[Finding]:
    """The findings that keep a digest from being sent, at most half a minute old."""
    return _found.get((digest.id, digest.version), lambda: _look(digest.id))


def known_findings(number: int, version: int) -> Sequence[Finding]:
    """The same where they were looked for lately: for pages that do not wait for it."""
    return _found.find((number, version)) or ()


def _look(number: int) -> Sequence[Finding]:
    with runtime().db.reading() as session:
        digest = get_digest(session, number)
        found = run_preflight(session, runtime().settings, digest, check_mails=cached_mail_findings)
        return tuple(blocking(found.findings))
