"""The JSON shapes of a digest, its state and its report. Times are in ISO 8601 and in UTC."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from newsletter.delivery.reports.report import DigestReport, Doubt
from newsletter.delivery.reports.status import DigestState
from newsletter.digests.models import Digest


def digest_json(digest: Digest) -> dict[str, Any]:
    """A digest with its words, and its articles by slug and title."""
    return {
        "id": digest.id,
        "status": digest.status,
        "paused_reason": digest.paused_reason,
        "paused_note": digest.paused_note,
        "cadence": digest.cadence,
        "subject": digest.subject,
        "preheader": digest.preheader,
        "intro": digest.intro,
        "scheduled_at": _time(digest.scheduled_at),
        "articles": [revision.slug for revision in digest.revisions],
        "titles": [revision.title for revision in digest.revisions],
    }


def digest_state_json(state: DigestState) -> dict[str, Any]:
    """The state of a digest: its status and a figure for each outcome."""
    return {**asdict(state), "last_hour": _time(state.last_hour)}


def digest_report_json(report: DigestReport) -> dict[str, Any]:
    """The report of a digest: figures, groups of reasons, batches in doubt."""
    return {
        **asdict(report),
        "last_hour": _time(report.last_hour),
        "reasons": [asdict(group) for group in report.reasons],
        "doubts": [_doubt_json(doubt) for doubt in report.doubts],
    }


def _doubt_json(doubt: Doubt) -> dict[str, Any]:
    return {**asdict(doubt), "attempted_at": _time(doubt.attempted_at)}


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
