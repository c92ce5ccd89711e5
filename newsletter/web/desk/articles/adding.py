"""Adding a story of the list to the draft that was begun last. Without a draft a weekly one is begun."""

from __future__ import annotations

from flask import redirect, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from newsletter.core.cadence import Cadence
from newsletter.core.runtime import runtime
from newsletter.digests import draft_articles, drafting
from newsletter.digests.links.wanting import want_new_digest_links
from newsletter.digests.queries import get_with_articles
from newsletter.staff import audit
from newsletter.staff.audit import AuditAction, digest_object
from newsletter.staff.rights import Right
from newsletter.web.desk.access import needs
from newsletter.web.desk.blueprint import desk, signed_in
from newsletter.web.desk.staff_forms import safe_path
from newsletter.web.request_values import parse_number

WITHOUT_DRAFT = Cadence.WEEKLY


@desk.post("/articles/add")
@needs(Right.PUBLISH)
def add_to_digest() -> ResponseReturnValue:
    """Add a story at the end of a draft, and lead back to its place in the list."""
    slug = request.form.get("slug", "")
    with runtime().db.transaction() as session:
        number = parse_number(request.form.get("digest", "")) or _begin(session)
        draft_articles.add_article(session, number, slug, by=signed_in().actor)
        has_new_links = want_new_digest_links(session, runtime().settings, get_with_articles(session, number))
    if has_new_links:
        runtime().queues.signal_clock()
    back = safe_path(request.form.get("back", ""))
    return redirect(f"{back}{'&' if '?' in back else '?'}done=added#story-{slug}", 303)


def _begin(session: Session) -> int:
    digest = drafting.start_draft(session, WITHOUT_DRAFT)
    audit.record(session, AuditAction.DIGEST_STARTED, by=signed_in().actor, on=digest_object(digest.id))
    return digest.id
