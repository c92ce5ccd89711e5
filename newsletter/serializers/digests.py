"""The JSON shapes of a digest, its preflight, its state and its report. Times are in ISO 8601 and in UTC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from newsletter.delivery.reports.report import DigestReport
from newsletter.delivery.reports.status import DigestState
from newsletter.delivery.reports.subjects import SubjectCounts
from newsletter.digests.findings import Finding, blocking
from newsletter.digests.models import Digest
from newsletter.serializers.values import json_object, json_value


def digest_json(digest: Digest) -> dict[str, Any]:
    """A digest with its words, and its articles by slug and title."""
    return {
        "id": digest.id,
        "version": digest.version,
        "status": digest.status,
        "paused_reason": digest.paused_reason,
        "paused_note": digest.paused_note,
        "cadence": digest.cadence,
        "subject": digest.subject,
        "preheader": digest.preheader,
        "intro": digest.intro,
        "intro_with_lead": digest.intro_with_lead,
        "created_at": json_value(digest.created_at),
        "scheduled_at": json_value(digest.scheduled_at),
        "provider_schedule": digest.provider_schedule,
        "frozen_at": json_value(digest.frozen_at),
        "sent_at": json_value(digest.sent_at),
        "lead": digest.lead.slug if digest.lead else None,
        "lead_is_named": digest.lead_is_named,
        "min_trust": digest.min_trust,
        "articles": [revision.slug for revision in digest.revisions],
        "titles": [revision.title for revision in digest.revisions],
        "corrections": [revision.slug for revision in digest.corrections],
    }


def subjects_json(counts: SubjectCounts) -> dict[str, Any]:
    """The readers of each subject of a digest."""
    return asdict(counts)


def finding_json(finding: Finding) -> dict[str, Any]:
    """A finding of the preflight, with its sentences filled in."""
    return {
        "code": finding.code,
        "where": finding.where,
        "message": finding.sentence,
        "remedy": finding.advice,
        "values": dict(finding.values),
        "blocks": finding.blocks,
    }


def check_json(digest: Digest, findings: Sequence[Finding]) -> dict[str, Any]:
    """The preflight of a digest: whether it can be sent, and all findings."""
    return {
        "id": digest.id,
        "can_be_sent": not blocking(findings),
        "findings": [finding_json(finding) for finding in findings],
    }


def digest_state_json(state: DigestState) -> dict[str, Any]:
    """The state of a digest: its status and a figure for each outcome."""
    stands = {"id": state.id, "status": state.status, "paused_reason": state.paused_reason}
    return stands | json_object(asdict(state))


def digest_report_json(report: DigestReport) -> dict[str, Any]:
    """The report of a digest: figures, groups of reasons, batches in doubt."""
    return {
        **asdict(report),
        "last_hour": json_value(report.last_hour),
        "reasons": [asdict(group) for group in report.reasons],
        "doubts": [json_object(asdict(doubt)) for doubt in report.doubts],
    }
