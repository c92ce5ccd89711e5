"""The report of a digest in words."""

from __future__ import annotations

from newsletter.cli.digests.figures import describe_figures, describe_hours, join_counts
from newsletter.delivery.reports.causes import Cause
from newsletter.delivery.reports.report import DigestReport, Doubt

_ADVICE = {
    Cause.AUTHENTICATION: "Check SPF, DKIM and DMARC of the domain of MAIL_FROM, and the sending server's reverse DNS.",
    Cause.QUOTA: "A sending limit was reached: lower MAIL_RATE_LIMITS, or raise the limit at the provider.",
    Cause.RELAY: "The mail server does not send for this account: check its user, its password and MAIL_FROM.",
    Cause.BLOCK_LIST: "The sending server or domain is blocked: the reason says by which list or provider.",
    Cause.CONTENT: "Filters stopped the mail itself: look at its text and links, and send a test to that provider.",
    Cause.OTHER: "A policy of the receiving side stopped it: the reason says which.",
}


def describe_report(report: DigestReport) -> str:
    """Figures, groups of reasons, and each batch in doubt with both ways to resolve it; "" before the freeze."""
    if not report.recipients:
        return ""
    lines = [f"{describe_figures(report)}."]
    event_counts = {
        "mailed twice": report.mailed_twice,
        "bounced": report.bounced,
        "bounced for a time": report.soft_bounced,
        "blocked": report.blocked,
        "dropped": report.dropped,
        "complained": report.complained,
        "unsubscribed within three days": report.unsubscribed,
    }
    if events := join_counts(event_counts):
        lines.append(f"Of the accepted: {events}.")
    if report.last_hour:
        lines.append(f"{describe_hours(report.until_hour, report.last_hour)}.")
    lines += [f"  {group.count:,} {group.kind}: {group.reason}" for group in report.reasons]
    lines += _blocked_advice(report)
    lines += [line for doubt in report.doubts for line in _doubt(report.id, doubt)]
    return "\n".join(lines)


def _blocked_advice(report: DigestReport) -> list[str]:
    """The advice on blocked mails, each cause once."""
    if not report.blocked:
        return []
    causes = dict.fromkeys(group.cause for group in report.reasons if group.cause)
    said = "Blocked is about us, not about these readers: they stay subscribed, and it counts against none of them."
    return [said, *(f"  {cause.capitalize()}: {_ADVICE[cause]}" for cause in causes)]


def _doubt(digest_id: int, doubt: Doubt) -> list[str]:
    resolve = f"newsletter digests resolve {digest_id} {doubt.batch}"
    evidence = doubt.note or "no answer was recorded."
    since = f", sent {doubt.attempted_at:%Y-%m-%d %H:%M:%S} UTC" if doubt.attempted_at else ""
    return [
        f"Batch {doubt.batch} ({doubt.recipients:,} readers{since}) is in doubt: {evidence}",
        f"  If the provider's activity shows that it was sent:  {resolve} --sent",
        f"  If it shows that it was not, to send it again:      {resolve} --resend",
    ]
