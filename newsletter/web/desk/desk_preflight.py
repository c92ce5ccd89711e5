"""The preflight at the desk: what `digests check` prints, with what takes long as it was counted lately."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy.orm import Session

from newsletter.core.cadence import Cadence
from newsletter.core.runtime import runtime
from newsletter.delivery.reports.full_preflight import unread_sections
from newsletter.digests.links.stored_checks import CheckState
from newsletter.digests.models import Digest, DigestStatus
from newsletter.digests.preflight import Preflight, run_preflight
from newsletter.digests.spam_findings import check_spam_score
from newsletter.web.desk.cached_mails import cached_mail_findings
from newsletter.web.desk.cached_preferences import cached_preferences
from newsletter.web.desk.cached_spam_scores import cached_spam_score

MENDABLE = (DigestStatus.DRAFT, DigestStatus.SCHEDULED)
"""Of what was frozen or is over, nothing can be mended, and nothing is looked for."""


def desk_preflight(session: Session, digest: Digest) -> Preflight:
    """All findings on a digest; those on sections and spam once its readers were counted, and SpamAssassin asked."""
    if digest.status not in MENDABLE:
        return Preflight([], CheckState(0, 0, 0))
    found = run_preflight(session, runtime().settings, digest, check_mails=cached_mail_findings)
    sections = unread_sections(digest, _wanted_sections(digest.cadence))
    return found._replace(findings=[*found.findings, *sections, *check_spam_score(cached_spam_score(digest))])


def _wanted_sections(cadence: Cadence) -> Collection[str]:
    """The sections that readers take; none where somebody takes all, or nobody was counted."""
    counted = cached_preferences(cadence)
    choices = [each.sections for each in counted.preferences if not each.is_pausing] if counted else []
    return frozenset[str]() if None in choices else frozenset[str]().union(*(each for each in choices if each))
