"""Findings about the lead of a digest, and about texts that were written for another one."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy.orm import Session

from newsletter.digests.findings import Finding
from newsletter.digests.leads import outdated_texts
from newsletter.digests.models import Digest


def check_lead(digest: Digest) -> Iterator[Finding]:
    """Whether there is a lead, and whether it is the one that an editor named."""
    lead = digest.lead
    if lead is None:
        yield Finding(
            "lead.none",
            "articles",
            "No article has the trust of %(least)d that its lead needs: nobody gets the written subject.",
            "Add an article of that trust, or each edition is named after its own first headline.",
            {"least": digest.min_trust},
            blocks=False,
        )
        return
    named = next((each for each in digest.revisions if each.article_id == digest.lead_id), lead)
    if named is not lead:
        yield Finding(
            "lead.below_trust",
            "articles",
            "“%(title)s” was named as the lead, but has trust %(trust)d, below %(least)d: now the lead is “%(lead)s”.",
            "Name another lead.",
            {
                "slug": named.slug,
                "title": named.title,
                "trust": named.trust,
                "least": digest.min_trust,
                "lead": lead.title,
            },
            blocks=False,
        )


def check_written_for(session: Session, digest: Digest) -> Iterator[Finding]:
    """Texts may promise the story that was the lead when they were written."""
    for names, written_for, lead in outdated_texts(session, digest):
        if written_for.article_id == lead.article_id:
            code = "text.other_headline"
            message = "Written when the lead's headline was “%(title)s”: %(texts)s. Now it is “%(lead)s”."
        elif any(each.article_id == written_for.article_id for each in digest.revisions):
            code = "text.other_lead"
            message = "Written when “%(title)s” was the lead: %(texts)s. Now the lead is “%(lead)s”."
        else:
            code = "text.dropped_lead"
            message = "Written for “%(title)s”, which is no longer there: %(texts)s. Now the lead is “%(lead)s”."
        values = {"texts": ", ".join(names), "slug": written_for.slug, "title": written_for.title, "lead": lead.title}
        yield Finding(code, "texts", message, "Write it for the present lead.", values, blocks=False)
