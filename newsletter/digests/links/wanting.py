"""Having the links of a digest to other sites probed. The clock queues the job, or a signal to it."""

from __future__ import annotations

from sqlalchemy.orm import Session

from newsletter.core.config import Settings
from newsletter.digests.links import stored_checks
from newsletter.digests.links.link_findings import addresses_to_probe
from newsletter.digests.models import Digest


def want_digest_links(session: Session, settings: Settings, digest: Digest) -> None:
    """Have all of them probed, again if they were before."""
    stored_checks.want_links(session, addresses_to_probe(settings, digest))


def want_new_digest_links(session: Session, settings: Settings, digest: Digest) -> bool:
    """Have those probed that nobody wanted so far; whether there are any."""
    return stored_checks.want_new_links(session, addresses_to_probe(settings, digest)) > 0
