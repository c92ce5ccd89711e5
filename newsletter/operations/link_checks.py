"""Asking the links of digests: a job for those that are wanted, and at once for the command line.

No transaction spans a request. An address is claimed before it is asked, so that two workers do not ask it together.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from newsletter.core.config import Settings
from newsletter.core.fetching import Fetcher
from newsletter.core.runtime import Runtime
from newsletter.digests.links import kept_checks
from newsletter.digests.links.asking import ask_links
from newsletter.digests.links.link_findings import addresses_to_ask
from newsletter.digests.models import Digest
from newsletter.digests.queries import get_digest

RUN = 20.0
"""Seconds after which a run begins no further request, since reports and digests wait for its worker."""


def links_are_due(runtime: Runtime) -> bool:
    """Whether an address is wanted that nobody is asking."""
    with runtime.db.reading() as session:
        return kept_checks.links_wait(session)


def ask_wanted(runtime: Runtime) -> bool:
    """Ask the addresses that are wanted, for a while; whether there may be more."""
    _ask(runtime, new_fetcher(runtime.settings), None)
    return links_are_due(runtime)


def ask_digest(runtime: Runtime, digest_id: int) -> None:
    """Ask all links of a digest now, each anew. Raises NotFoundError."""
    with runtime.db.transaction() as session:
        addresses = addresses_to_ask(runtime.settings, get_digest(session, digest_id))
        kept_checks.want_links(session, addresses)
    fetcher = new_fetcher(runtime.settings)
    while _ask(runtime, fetcher, addresses):
        pass


def state_of_links(session: Session, settings: Settings, digest: Digest) -> kept_checks.CheckState:
    """How many of a digest's links to other sites were asked."""
    addresses = addresses_to_ask(settings, digest)
    return kept_checks.check_state(addresses, kept_checks.read_checks(session, addresses))


def new_fetcher(settings: Settings) -> Fetcher:
    """A fetcher that says whose it is."""
    return Fetcher(settings.public_host, f"newsletter link check (+{settings.public_url})")


def _ask(runtime: Runtime, fetcher: Fetcher, among: Sequence[str] | None) -> bool:
    """Ask those that can be claimed; whether there were any."""
    with runtime.db.transaction() as session:
        claimed = kept_checks.claim_links(session, kept_checks.MOST_LINKS, among)
    if not claimed:
        return False
    answers = dict(ask_links(fetcher, claimed, seconds=RUN))
    with runtime.db.transaction() as session:
        kept_checks.record_answers(session, answers, claimed)
    return True
