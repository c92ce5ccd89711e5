"""The report of a digest in words."""

from __future__ import annotations

from newsletter.cli.digests.figures import describe_figures, describe_hours, join_counts
from newsletter.delivery.reports.report import DigestReport, Doubt


def describe_report(report: DigestReport) -> str:
    """Figures, groups of reasons, and each batch in doubt with both ways to resolve it; "" before the freeze."""
    if not report.recipients:
        return ""
    lines = [f"{describe_figures(report)}."]
    came_back = {
        "mailed twice": report.mailed_twice,
        "bounced": report.bounced,
        "bounced for a time": report.soft_bounced,
        "blocked": report.blocked,
        "dropped": report.dropped,
        "complained": report.complained,
        "unsubscribed within three days": report.unsubscribed,
    }
    if events := join_counts(came_back):
        lines.append(f"Of the accepted: {events}.")
    if report.last_hour:
        lines.append(f"{describe_hours(report.until_hour, report.last_hour)}.")
    lines += [f"  {group.count:,} {group.kind}: {group.reason}" for group in report.reasons]
    lines += [line for doubt in report.doubts for line in _doubt(report.id, doubt)]
    return "\n".join(lines)


def _doubt(digest_id: int, doubt: Doubt) -> list[str]:
    resolve = f"newsletter digests resolve {digest_id} {doubt.batch}"
    evidence = doubt.note or "no answer was recorded."
    since = f", sent {doubt.attempted_at:%Y-%m-%d %H:%M:%S} UTC" if doubt.attempted_at else ""
    return [
        f"Batch {doubt.batch} ({doubt.recipients:,} readers{since}) is in doubt: {evidence}",
        f"  If the provider's activity shows that it was sent:  {resolve} --sent",
        f"  If it shows that it was not, to send it again:      {resolve} --resend",
    ]
