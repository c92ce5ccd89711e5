"""Composing: a draft begins with the articles that a rule picks, and an editor sets its words."""

from __future__ import annotations

from sqlalchemy.orm import Session

from newsletter.core.actors import Actor
from newsletter.core.errors import InvalidError
from newsletter.digests import changes, leads
from newsletter.digests.headings import default_subject
from newsletter.digests.models import ChangeKind, Digest, DigestArticle
from newsletter.digests.picked_articles import Rule, pick_articles
from newsletter.digests.text import one_line, require_length, require_plain

LONGEST_LINE = 250
"""Characters of a subject or a preheader."""
LONGEST_INTRO = 20_000
"""Characters of Markdown, more than any mail holds. It is rendered for each preview, and again for each page that shows
the letter: a megabyte would take the processor for some ten seconds."""


def compose_draft(
    session: Session,
    rule: Rule,
    *,
    subject: str | None = None,
    preheader: str | None = None,
    intro: str = "",
    intro_with_lead: bool = False,
) -> Digest:
    """A new draft by `rule`. The default subject is the first headline. Without a preheader each edition gets one from
    its own headlines. With `intro_with_lead` only editions with the lead have the intro.

    Raises InvalidError when the rule is impossible, no article fits it, or a text cannot be accepted.
    """
    revisions = pick_articles(session, rule)
    digest = Digest(
        cadence=rule.cadence,
        subject=_subject(subject or default_subject(rule.cadence, revisions[0].title)),
        preheader=_line("preheader", preheader or ""),
        intro=_intro(intro),
        intro_with_lead=intro_with_lead,
        min_trust=rule.min_trust,
        items=[DigestArticle(position=i, revision=revision) for i, revision in enumerate(revisions)],
    )
    session.add(digest)
    session.flush()
    leads.note_written(digest, leads.TEXTS)
    return digest


def edit_draft(
    session: Session,
    digest_id: int,
    *,
    lead: str | None = None,
    subject: str | None = None,
    preheader: str | None = None,
    intro: str | None = None,
    intro_with_lead: bool | None = None,
    version: int | None = None,
    by: Actor,
) -> Digest:
    """Name the lead of a draft, then set its texts, as written for that lead; None leaves a thing as it is.

    `lead` is the slug of an article; "" makes the first one the lead again. Raises ConflictError when the digest is no
    draft (a scheduled digest stays as the preflight saw it) or was changed since `version` (None: since this
    transaction read it), InvalidError for a text or a lead that cannot be accepted, NotFoundError for a lead that the
    digest does not hold.
    """
    texts = {"subject": subject, "preheader": preheader, "intro": intro}
    given = [name for name, text in texts.items() if text is not None]
    with changes.recorded(session, digest_id, version, by=by) as change:
        digest = change.digest
        if lead is not None:
            leads.name_lead(digest, lead or None)
        if subject is not None:
            digest.subject = _subject(subject)
        if preheader is not None:
            digest.preheader = _line("preheader", preheader)
        if intro is not None:
            digest.intro = _intro(intro)
        if intro_with_lead is not None:
            digest.intro_with_lead = intro_with_lead
        leads.note_written(digest, given)
        change.note(ChangeKind.TEXTS)
    return digest


def _subject(text: str) -> str:
    line = _line("subject", text)
    if not line:
        raise InvalidError("digest.subject_empty", "The subject is empty.")
    return line


def _line(name: str, text: str) -> str:
    require_plain(name, text)
    line = one_line(text)
    require_length(name, line, LONGEST_LINE)
    return line


def _intro(text: str) -> str:
    require_plain("intro", text)
    intro = text.strip()
    require_length("intro", intro, LONGEST_INTRO)
    return intro
