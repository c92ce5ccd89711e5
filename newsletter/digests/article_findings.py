"""Findings about the stories of a digest: whether they still stand, fit its rule, and are new to its readers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import bindparam, func, or_, select
from sqlalchemy.orm import Session

from newsletter.articles.models import Revision, RevisionKind
from newsletter.core.config import Settings
from newsletter.core.db import plain_rows
from newsletter.digests.findings import Finding
from newsletter.digests.models import Digest, DigestArticle, DigestStatus
from newsletter.digests.pending_corrections import newest_correction
from newsletter.digests.queries import PresentRevision, present_revisions

_GOING_OUT = (DigestStatus.SCHEDULED, DigestStatus.SENDING, DigestStatus.PAUSED, DigestStatus.SENT)
_LAST_USES = (
    select(DigestArticle.article_id, func.max(Digest.id))
    .join(Digest, Digest.id == DigestArticle.digest_id)
    .where(
        DigestArticle.article_id.in_(bindparam("articles", expanding=True)),
        Digest.id != bindparam("digest"),
        Digest.cadence == bindparam("cadence"),
        or_(Digest.status.in_(_GOING_OUT), Digest.letter_since.is_not(None)),
    )
    .group_by(DigestArticle.article_id)
)
"""Made once: making it took longer than running it."""


class _Corrections(NamedTuple):
    """The corrections of an article since the revision that a digest holds."""

    serious: bool
    """Whether one of them is."""


def check_articles(session: Session, settings: Settings, digest: Digest) -> Iterator[Finding]:
    """The findings on each story. The queries are three, however many stories there are."""
    if not digest.items:
        yield Finding("digest.empty", "articles", "It holds no article.", "Add one.")
        return
    present = present_revisions(session, digest)
    for withdrawn in (taken for taken, newest in present if newest.is_withdrawal):
        yield _about(withdrawn, "article.withdrawn", "“%(title)s” is withdrawn.", "Drop it.", blocks=True)
    newer = [(taken, newest) for taken, newest in present if newest.number > taken.number and not newest.is_withdrawal]
    yield from _check_changes(session, newer)
    yield from _check_used(session, digest)
    for revision in digest.revisions:
        yield from _check_rule(settings, digest, revision)


def check_correction(digest: Digest) -> Iterator[Finding]:
    """The findings on the correction that a digest is."""
    for taken in digest.corrections:
        if newest_correction(taken.article) is not taken:
            yield Finding(
                "correction.outdated",
                "articles",
                "“%(title)s” has changed since: this correction of it is not the newest, or does not stand any more.",
                "Refresh the draft to take the newest, or cancel it.",
                {"slug": taken.slug, "title": taken.title, "revision": taken.number},
            )


def _check_changes(session: Session, pairs: list[tuple[Revision, PresentRevision]]) -> Iterator[Finding]:
    """A correction says that the text in the digest is wrong; only a serious one keeps it from being sent, since
    whoever got it would be sent the correction at once."""
    corrected = _corrected(session, [taken for taken, _ in pairs]) if pairs else {}
    for taken, newest in pairs:
        if (found := corrected.get(taken.article_id)) is None:
            yield _about(
                taken,
                "article.changed",
                "“%(title)s” has changed since: the digest holds revision %(revision)d, the newest is %(newest)d.",
                "Refresh the draft to take the newest.",
                revision=taken.number,
                newest=newest.number,
            )
        else:
            yield _about(
                taken,
                "article.corrected_seriously" if found.serious else "article.corrected",
                "“%(title)s” was corrected since: the digest holds revision %(revision)d, the newest is %(newest)d.",
                "Refresh the draft to take the newest.",
                blocks=found.serious,
                revision=taken.number,
                newest=newest.number,
            )


def _corrected(session: Session, taken: list[Revision]) -> dict[int, _Corrections]:
    """By article, those that were corrected since."""
    held = {each.article_id: each.number for each in taken}
    rows = session.execute(
        select(Revision.article_id, Revision.number, Revision.serious).where(
            Revision.article_id.in_(held), Revision.kind == RevisionKind.CORRECTION
        )
    )
    found: dict[int, _Corrections] = {}
    for article_id, number, serious in rows:
        if number > held[article_id]:
            found[article_id] = _Corrections(serious or (article_id in found and found[article_id].serious))
    return found


def _check_used(session: Session, digest: Digest) -> Iterator[Finding]:
    """Only digests of the same cadence count: a reader has one, and a weekly digest is there to gather daily ones."""
    revisions = digest.revisions
    values = {
        "articles": [each.article_id for each in revisions],
        "digest": digest.id,
        "cadence": digest.cadence,
    }
    last = {article_id: other for article_id, other in plain_rows(session, _LAST_USES, values)}  # noqa: C416 - typed so
    for revision in revisions:
        if (other := last.get(revision.article_id)) is not None:
            yield _about(revision, "article.used", "“%(title)s” stands in digest %(digest)d of the same cadence, too.",
                         "Drop it, unless readers should get it twice.", digest=other)  # fmt: skip


def _check_rule(settings: Settings, digest: Digest, revision: Revision) -> Iterator[Finding]:
    if revision.trust < digest.min_trust:
        yield _about(revision, "article.below_trust",
                     "“%(title)s” has trust %(trust)d, below the %(least)d of the digest's rule.",
                     "Drop it, or keep it knowingly.", trust=revision.trust, least=digest.min_trust)  # fmt: skip
    if len(settings.hype_labels) > 1 and revision.hype == settings.hype_labels[-1]:
        yield _about(revision, "article.much_hype", "“%(title)s” has the highest label of hype, “%(hype)s”.",
                     "Drop it, or keep it knowingly.", hype=revision.hype)  # fmt: skip


def _about(story: Revision, code: str, message: str, remedy: str, *, blocks: bool = False, **values: object) -> Finding:
    named = {"slug": story.slug, "title": story.title, **values}
    return Finding(code, "articles", message, remedy, named, blocks=blocks)
