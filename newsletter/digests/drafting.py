"""Beginning a draft by hand: an empty one, one like another digest, or a rule's choice into an empty one."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from newsletter.articles.grades import FAIR_TRUST
from newsletter.articles.listed import is_listed
from newsletter.articles.models import Revision
from newsletter.core.actors import Actor
from newsletter.core.cadence import Cadence
from newsletter.core.errors import ConflictError, InvalidError
from newsletter.digests import changes, leads
from newsletter.digests.article_order import put_in_order
from newsletter.digests.candidates import begins_after
from newsletter.digests.models import ChangeKind, Digest, DigestArticle
from newsletter.digests.picked_articles import select_for_digest
from newsletter.digests.queries import get_digest

RULE_MOST = 8
"""Articles that the rule chooses."""


def start_draft(session: Session, cadence: Cadence) -> Digest:
    """A draft without articles. Its subject becomes the headline of the first one.

    Raises InvalidError for a correction, which is made from an article (`digests.correcting`).
    """
    _require_no_correction(cadence)
    digest = Digest(cadence=cadence, subject="", items=[])
    session.add(digest)
    session.flush()
    return digest


def duplicate_digest(session: Session, digest_id: int) -> Digest:
    """A new draft with the texts and articles of a digest, in their order, each at its newest revision.

    Withdrawn articles are left out. Raises NotFoundError, and InvalidError for a digest that is a correction.
    """
    original = get_digest(session, digest_id)
    _require_no_correction(original.cadence)
    wanted = [item.revision.article_id for item in original.items]
    newest = session.scalars(
        select(Revision).where(is_listed(), Revision.article_id.in_(wanted)).options(joinedload(Revision.article))
    )
    current = {revision.article_id: revision for revision in newest}
    kept = [item for item in original.items if item.revision.article_id in current]
    copy = Digest(
        cadence=original.cadence,
        subject=original.subject,
        preheader=original.preheader,
        intro=original.intro,
        intro_with_lead=original.intro_with_lead,
        min_trust=original.min_trust,
        lead_id=original.lead_id if original.lead_id in current else None,
        written_for=dict(original.written_for or {}),
        items=[
            DigestArticle(position=position, revision=current[item.revision.article_id], own_dek=item.own_dek)
            for position, item in enumerate(kept)
        ],
    )
    session.add(copy)
    session.flush()
    return copy


def choose_by_rule(session: Session, digest_id: int, zone: ZoneInfo, *, version: int, by: Actor) -> Digest:
    """Fill an empty draft with the most trusted articles since the last digest of its cadence.

    Raises ConflictError when it holds an article, or was changed since `version`; InvalidError when no article fits.
    """
    with changes.recorded(session, digest_id, version, by=by) as change:
        digest = change.digest
        if digest.items:
            raise ConflictError("digest.not_empty", "Digest %(digest)s holds articles already.", digest=digest_id)
        since = begins_after(session, digest, zone)
        chosen = select_for_digest(
            session,
            since=since,
            sections=None,
            min_trust=max(digest.min_trust, FAIR_TRUST),
            limit=RULE_MOST,
            order="trust",
        )
        if not chosen:
            raise InvalidError(
                "digest.no_articles", "No article since %(since)s fits the rule.", since=since.isoformat()
            )
        with leads.subject_follows(digest):
            put_in_order(session, digest, [DigestArticle(revision=revision) for revision in chosen])
        change.note(ChangeKind.CHOSEN, count=len(chosen))
    return digest


def _require_no_correction(cadence: Cadence) -> None:
    if cadence == Cadence.CORRECTION:
        raise InvalidError("digest.made_from_article", "A correction is made from the article that was corrected.")
