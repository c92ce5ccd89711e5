"""Adding a story to the digest that comes next, from the list of stories."""

from __future__ import annotations

from typing import Any

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from newsletter.core.runtime import runtime
from newsletter.digests import draft_articles, drafting
from newsletter.digests.links import stored_checks
from newsletter.digests.links.link_findings import addresses_to_probe
from newsletter.digests.models import Digest
from newsletter.staff import audit
from newsletter.staff.audit import AuditAction, AuditObject
from newsletter.staff.rights import Right
from newsletter.web.desk.access import needs
from newsletter.web.desk.articles.story_list import ListForm
from newsletter.web.desk.blueprint import desk, signed_in
from newsletter.web.request_values import parse_number


@desk.post("/articles/stories/<slug>/add")
@needs(Right.PUBLISH)
def add_story(slug: str) -> ResponseReturnValue:
    """Add a story to the draft that the list named, or begin one with it; the list says where it is now."""
    number, by = parse_number(request.form.get("digest", "")), signed_in().actor
    with runtime().db.transaction() as session:
        chosen = number or _begin(session).id
        digest = draft_articles.add_article(session, chosen, slug, by=by)
        waits = stored_checks.want_new_links(session, addresses_to_probe(runtime().settings, digest))
    if waits:
        runtime().queues.signal_clock()
    values: dict[str, Any] = {**_filters(), "done": "added", "digest": chosen}
    return redirect(url_for("desk.articles", **values, _anchor=f"story-{slug}"), 303)


def _begin(session: Session) -> Digest:
    digest = drafting.start_draft(session, drafting.BEGUN)
    audit.record(session, AuditAction.DIGEST_STARTED, by=signed_in().actor, on=AuditObject("digest", digest.id))
    return digest


def _filters() -> dict[str, str]:
    """The parameters of the list that the form was in; those of a notice are none of them."""
    return {name: value for name, value in request.args.items() if name in ListForm._fields or name == "before"}
