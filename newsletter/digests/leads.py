"""The lead of a digest: which article it is, and which lead the editor's texts were written for.

The lead is the article that an editor named, else the first one (`Digest.lead_position`). Articles below the digest's
trust are never the lead. A subject that is the lead's headline follows the lead; one that an editor wrote stays, and
the preflight says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from sqlalchemy.orm import Session

from newsletter.articles.models import Revision
from newsletter.core.errors import InvalidError
from newsletter.digests.headings import default_subject
from newsletter.digests.models import Digest
from newsletter.digests.queries import digest_article

TEXTS = ("subject", "preheader", "intro")
"""The texts that editors write with the lead in mind."""


class OutdatedTexts(NamedTuple):
    """Texts that were written for another lead, or for the lead under another headline."""

    names: tuple[str, ...]
    """Of TEXTS."""
    written_for: Revision
    lead: Revision


def name_lead(digest: Digest, slug: str | None) -> None:
    """Make an article of the digest its lead, wherever it stands; None: the first one.

    Raises NotFoundError when the digest does not hold it, InvalidError when its trust is below the digest's.
    """
    named = digest_article(digest, slug).revision if slug is not None else None
    if named and named.trust < digest.min_trust:
        raise InvalidError(
            "digest.lead_below_trust",
            "“%(title)s” has trust %(trust)d, and the lead of digest %(digest)s needs %(least)d.",
            digest=digest.id,
            slug=slug,
            title=named.title,
            trust=named.trust,
            least=digest.min_trust,
        )
    with subject_follows(digest):
        digest.lead_id = named.article_id if named else None


@contextmanager
def subject_follows(digest: Digest) -> Iterator[None]:
    """Change the lead inside: a subject that was its headline becomes the new one's, and so does an empty one."""
    before = digest.lead
    yield
    lead = digest.lead
    is_headline = before is not None and digest.subject == default_subject(digest.cadence, before.title)
    if lead and (is_headline or not digest.subject):
        digest.subject = default_subject(digest.cadence, lead.title)
        note_written(digest, ["subject"])


def note_written(digest: Digest, names: Iterable[str]) -> None:
    """Note that these texts were written for the present lead."""
    noted = {name: id_ for name, id_ in (digest.written_for or {}).items() if name not in names}
    if lead := digest.lead:
        noted |= {name: lead.id for name in names if getattr(digest, name)}
    digest.written_for = noted


def outdated_texts(session: Session, digest: Digest) -> Iterator[OutdatedTexts]:
    """The texts that were written for another lead, or when the lead had another headline, together by that lead."""
    lead, noted = digest.lead, digest.written_for or {}
    if lead is None:
        return
    for revision_id in dict.fromkeys(noted.values()):
        written_for = session.get_one(Revision, revision_id)
        if (written_for.article_id, written_for.title) != (lead.article_id, lead.title):
            yield OutdatedTexts(tuple(name for name in TEXTS if noted.get(name) == revision_id), written_for, lead)
