"""Checking the links of digests: a job for those that are wanted, and at once for the command line.

No transaction spans a request. An address is claimed before it is probed, so that two workers do not probe it together.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from newsletter.core.config import Settings
from newsletter.core.fetching import Fetcher
from newsletter.core.runtime import Runtime
from newsletter.digests.links import stored_checks
from newsletter.digests.links.link_findings import addresses_to_probe
from newsletter.digests.links.probing import probe_links
from newsletter.digests.models import Digest
from newsletter.digests.queries import get_digest

RUN = 20.0
"""Seconds after which a run begins no further request, since reports and digests wait for its worker."""


def links_are_due(runtime: Runtime) -> bool:
    """Whether an address is wanted that nobody is probing."""
    with runtime.db.reading() as session:
        return stored_checks.links_wait(session)


def probe_wanted(runtime: Runtime) -> bool:
    """Probe the addresses that are wanted, for a while; whether there may be more."""
    _probe(runtime, new_fetcher(runtime.settings), None)
    return links_are_due(runtime)


def probe_digest(runtime: Runtime, digest_id: int) -> None:
    """Probe all links of a digest now, each again. Raises NotFoundError."""
    with runtime.db.transaction() as session:
        addresses = addresses_to_probe(runtime.settings, get_digest(session, digest_id))
        stored_checks.want_links(session, addresses)
    fetcher = new_fetcher(runtime.settings)
    while _probe(runtime, fetcher, addresses):
        pass


def state_of_links(session: Session, settings: Settings, digest: Digest) -> stored_checks.CheckState:
    """How many of a digest's links to other sites were probed."""
    addresses = addresses_to_probe(settings, digest)
    return stored_checks.check_state(addresses, stored_checks.read_checks(session, addresses))


def new_fetcher(settings: Settings) -> Fetcher:
    """A fetcher that says whose it is."""
    return Fetcher(settings.public_host, f"newsletter link check (+{settings.public_url})")


def _probe(runtime: Runtime, fetcher: Fetcher, among: Sequence[str] | None) -> bool:
    """Probe those that can be claimed; whether there were any."""
    with runtime.db.transaction() as session:
        claimed = stored_checks.claim_links(session, stored_checks.MOST_LINKS, among)
    if not claimed:
        return False
    results = dict(probe_links(fetcher, claimed, seconds=RUN))
    with runtime.db.transaction() as session:
        stored_checks.record_results(session, results, claimed)
    return True
