"""The preflight: what must hold before a digest is scheduled, and once more before it is frozen.

It keeps the promises that readers are given. Each finding is data (`digests.findings`); a new check adds findings.
A finding blocks when it is certain and the mail would break a promise or the law (docs/decisions/0023).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from newsletter.articles.models import Article
from newsletter.core.cadence import Cadence
from newsletter.core.config import Settings
from newsletter.digests.address_findings import check_addresses
from newsletter.digests.article_findings import check_articles, check_correction
from newsletter.digests.findings import Finding
from newsletter.digests.lead_findings import check_lead, check_written_for
from newsletter.digests.links.digest_links import DigestLink, digest_links
from newsletter.digests.links.link_findings import check_links, foreign_addresses
from newsletter.digests.links.models import LinkCheck
from newsletter.digests.links.stored_checks import CheckState, check_state, read_checks
from newsletter.digests.mail_findings import check_mails
from newsletter.digests.models import Digest, DigestStatus
from newsletter.digests.text_findings import check_texts

MailCheck: TypeAlias = "Callable[[Settings, Digest, Sequence[DigestLink]], Iterable[Finding]]"


class Preflight(NamedTuple):
    """The findings on a digest, and how many of its links to other sites were asked."""

    findings: list[Finding]
    links: CheckState


def check_digest(session: Session, settings: Settings, digest: Digest) -> list[Finding]:
    """Everything that an editor should know before the digest is sent; an empty list when there is nothing.

    Nothing is fetched. The number of queries does not depend on the number of stories.
    """
    return run_preflight(session, settings, digest).findings


def run_preflight(
    session: Session, settings: Settings, digest: Digest, *, check_mails: MailCheck = check_mails
) -> Preflight:
    """The same, with the state of its links. Pages give a `check_mails` that remembers, since rendering takes long."""
    _read_articles(session, digest)
    links = list(digest_links(settings, digest))
    addresses = foreign_addresses(settings, links)
    known = read_checks(session, addresses)
    findings = list(_findings(session, settings, digest, links, known, check_mails))
    return Preflight(findings, check_state(addresses, known))


def _findings(
    session: Session,
    settings: Settings,
    digest: Digest,
    links: list[DigestLink],
    known: Mapping[str, LinkCheck],
    check_mails: MailCheck,
) -> Iterator[Finding]:
    yield from _check_settings(settings)
    if digest.cadence == Cadence.CORRECTION:
        yield from check_correction(digest)
        yield from check_mails(settings, digest, links)
        return
    yield from check_articles(session, settings, digest)
    if digest.items:
        yield from check_addresses(settings, digest)
        yield from check_lead(digest)
        yield from check_written_for(session, digest)
        yield from check_texts(digest)
        yield from check_links(session, settings, links, known, is_draft=digest.status == DigestStatus.DRAFT)
        yield from check_mails(settings, digest, links)


def _read_articles(session: Session, digest: Digest) -> None:
    """Read the articles of a digest in one query: each check asks their slugs."""
    revisions = [each for each in (*digest.revisions, *digest.corrections) if "article" in inspect(each).unloaded]
    if not revisions:
        return
    query = select(Article).where(Article.id.in_([each.article_id for each in revisions]))
    articles = {each.id: each for each in session.scalars(query)}
    for revision in revisions:
        set_committed_value(revision, "article", articles[revision.article_id])


def _check_settings(settings: Settings) -> Iterator[Finding]:
    if not settings.mail_postal_address:
        yield Finding(
            "setting.postal_address",
            "settings",
            "MAIL_POSTAL_ADDRESS is not set, and every mail must show a postal address.",
            "Set it.",
        )
