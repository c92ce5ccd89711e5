"""The picture of a story that other sites show: drawn at the first request, kept on disk by revision."""

from __future__ import annotations

from flask import Response, abort

from newsletter.articles.grades import trust_grade
from newsletter.articles.models import Revision
from newsletter.articles.revision_history import read_revisions
from newsletter.articles.share_image import StoredImages, Words, svg
from newsletter.core import public_paths
from newsletter.core.languages import PUBLICATION_LANGUAGE, language_of
from newsletter.core.runtime import runtime
from newsletter.web.page_cache import cached_page
from newsletter.web.public.articles import history_or_404
from newsletter.web.public.blueprint import pages


@pages.get(public_paths.share_image("<slug>", "<int:number>"))
@cached_page
def share_image(slug: str, number: int) -> Response:
    """The PNG of a revision, in the publication's language: other sites show one picture to everybody."""
    with runtime().db.reading() as session:
        history = history_or_404(session, slug)
        entry = history.entry(number) or abort(404)
        revision = read_revisions(session, [entry])[number]
    image = StoredImages(runtime().settings.data_dir).image(revision.id, svg(image_words(revision)))
    return Response(image, mimetype="image/png")


def image_words(revision: Revision) -> Words:
    """The words of a revision's picture."""
    spoken = language_of(PUBLICATION_LANGUAGE)
    words = Words(
        publication=runtime().settings.publication_name,
        dateline=f"{revision.section} · {spoken.day(revision.date)}",
        title=revision.title,
        score=revision.trust,
        trust=spoken.gettext("Trust %(score)s") % {"score": revision.trust},
        grade=spoken.gettext(trust_grade(revision.trust).word),
        hype=spoken.gettext(revision.hype),
    )
    if revision.is_withdrawal:
        return words._replace(score=None, trust=spoken.gettext("Withdrawn"), grade="", hype="")
    return words
