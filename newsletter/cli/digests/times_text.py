"""The times of a digest in words, in UTC as all of them are stored."""

from __future__ import annotations

from datetime import datetime

from newsletter.digests.models import Digest, DigestStatus


def describe_times(digest: Digest) -> list[str]:
    """When a digest goes out, or when it began and ended."""
    times = []
    if digest.scheduled_at and digest.frozen_at is None and digest.status != DigestStatus.CANCELLED:
        by = " by SendGrid" if digest.provider_schedule else ""
        goes = "was to go out" if digest.status == DigestStatus.PAUSED else "goes out"
        times.append(f"{goes}{by} on {_utc(digest.scheduled_at)}")
    elif digest.scheduled_at and digest.provider_schedule and digest.status == DigestStatus.SENDING:
        times.append(f"SendGrid sends it on {_utc(digest.scheduled_at)}")
    elif digest.frozen_at:
        times.append(f"sending began on {_utc(digest.frozen_at)}")
    if digest.sent_at:
        times.append(f"sent on {_utc(digest.sent_at)}")
    return times


def short_time(digest: Digest) -> str:
    """The time of a list's row: when the digest goes out, or when it began to; "" for a draft."""
    at = digest.scheduled_at if digest.provider_schedule else digest.frozen_at or digest.scheduled_at
    return f"{at:%Y-%m-%d %H:%M}" if at else ""


def _utc(at: datetime) -> str:
    return f"{at:%-d %B %Y at %H:%M} UTC"
