"""The values of the composer's page: the letter, its candidates, its findings, its preview, and who gets what."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from flask import render_template, url_for
from markupsafe import Markup
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from newsletter.articles.grades import FAIR_TRUST
from newsletter.core import clock
from newsletter.core.cadence import Cadence
from newsletter.core.runtime import runtime
from newsletter.digests import mail_findings
from newsletter.digests.candidates import find_candidates, search_candidates
from newsletter.digests.models import Digest, DigestArticle, DigestStatus
from newsletter.digests.queries import get_with_articles
from newsletter.staff.rights import Right
from newsletter.web.desk import compose_words
from newsletter.web.desk.blueprint import signed_in
from newsletter.web.desk.cached_corrections import CountedCorrections, cached_corrections, counted_corrections
from newsletter.web.desk.cached_mails import cached_size
from newsletter.web.desk.cached_preferences import cached_preferences, counted_preferences
from newsletter.web.desk.cached_spam_scores import ask_spam_score, cached_spam_score, wants_spam_score
from newsletter.web.desk.compose_editions import Matrix, matrix_of
from newsletter.web.desk.compose_history import Failure, history_values
from newsletter.web.desk.compose_preview import Preview
from newsletter.web.desk.desk_preflight import MENDABLE, desk_preflight
from newsletter.web.desk.drawn_parts import drawn_once
from newsletter.web.desk.finding_words import ShownFinding, at_story, show_findings
from newsletter.web.desk.passed_checks import passed_checks
from newsletter.web.desk.value_cache import ValueCache
from newsletter.web.request_values import parse_search

PHONES_SHOW = 40
"""Characters of a subject that phones show, about."""
SUBJECT_LENGTH, PREHEADER_LENGTH = 60, 90
"""Characters that most programs show, about."""


_tables: ValueCache[tuple[int, int, bool, datetime, date, str], Markup] = ValueCache(3600.0)


class ComposedStory(NamedTuple):
    """A story of the letter, with the findings about it."""

    item: DigestArticle
    is_lead: bool
    findings: Sequence[ShownFinding]


def view_query(args: MultiDict[str, str]) -> dict[str, Any]:
    """The parameters that a page's address keeps: preview and search."""
    search = parse_search(args.get("q", ""))
    return {**Preview.of(args).query, **({"q": search} if search else {})}


def composer_page(number: int, args: MultiDict[str, str], failure: Failure | None = None) -> dict[str, Any]:
    """The values of compose.html. Raises NotFoundError."""
    if args.get("count") == "spam":
        ask_spam_score(number)
    view, here = view_query(args), url_for("desk.compose", number=number)
    with runtime().db.reading() as session:
        digest = get_with_articles(session, number)
        matrix = _matrix(digest, args)  # before the preflight, which reads what it counted
        is_editable = digest.status == DigestStatus.DRAFT and signed_in().may(Right.PUBLISH)
        takes_stories = is_editable and digest.cadence != Cadence.CORRECTION
        letter = _letter(session, digest, args, failure)
        values = {
            "digest": digest,
            "is_editable": is_editable,
            "preview": Preview.of(args),
            "preview_path": url_for("desk.preview", number=number),
            "view": view,
            "drawn_once": drawn_once,
            "at": lambda part, **more: f"{here}?{urlencode(view | more, doseq=True)}#{quote(part)}",
            **letter,
            **_preflight(session, digest, takes_stories=takes_stories),
            **_to_add(session, digest, parse_search(args.get("q", "")), takes_stories=takes_stories),
            **history_values(session, digest, args.get("done", ""), failure, is_editable=is_editable),
            **_editions(digest, matrix),
            "corrections": _corrections(digest, args),
        }
        is_kept = not letter["open_dek"]  # a field is drawn anew
        values["stories_key"] = _stories_key(digest, values["findings"], view, is_editable) if is_kept else None
        return {**values, "matrix_table": _drawn(digest, matrix, view, values) if matrix and matrix.everybody else ""}


def _letter(session: Session, digest: Digest, args: MultiDict[str, str], failure: Failure | None) -> dict[str, Any]:
    """The words of the letter, and what is said about their length."""
    entered_dek = failure.form.get("dek") if failure else None
    return {
        "texts": _texts(digest, failure),
        "lengths": {"phone": PHONES_SHOW, "subject": SUBJECT_LENGTH, "preheader": PREHEADER_LENGTH},
        "size": _size(session, digest),
        "open_dek": failure.slug if failure and entered_dek is not None else args.get("dek", ""),
        "entered_dek": entered_dek,
    }


def _preflight(session: Session, digest: Digest, *, takes_stories: bool) -> dict[str, Any]:
    """The findings, and the stories with theirs."""
    found = desk_preflight(session, digest)
    findings = show_findings(found.findings)
    return {
        "findings": findings,
        "is_mendable": digest.status in MENDABLE,
        "is_blocked": any(shown.finding.blocks for shown in findings),
        "stories": _stories(digest, findings),
        "at_story": at_story,
        "passed": _passed(digest, findings),
        "links": found.links if takes_stories else None,
        "spam_score": cached_spam_score(digest),
        "wants_spam_score": takes_stories and bool(digest.items) and wants_spam_score(digest),
        "rule_trust": max(digest.min_trust, FAIR_TRUST),
    }


def _to_add(session: Session, digest: Digest, search: str, *, takes_stories: bool) -> dict[str, Any]:
    """The stories that could be added: the candidates, or those that a search finds."""
    zone = runtime().settings.timezone
    candidates = find_candidates(session, digest, zone) if takes_stories and not search else None
    found = search_candidates(session, digest, search, zone) if takes_stories and search else None
    return {
        "search": search,
        "candidates": candidates,
        "found": found,
        "candidates_key": (digest.id, digest.min_trust, candidates, found),
        "holds_stories": digest.cadence != Cadence.CORRECTION,
    }


def _editions(digest: Digest, matrix: Matrix | None) -> dict[str, Any]:
    """The editions with their readers, once they were counted, and the choices of a reader to look for."""
    return {
        "matrix": matrix,
        "nothing_words": compose_words.NOTHING_WORDS,
        "sections": list(dict.fromkeys(revision.section for revision in digest.revisions)),
        "hype_labels": runtime().settings.hype_labels,
    }


def _drawn(digest: Digest, matrix: Matrix, view: Mapping[str, Any], values: Mapping[str, Any]) -> Markup:
    """The table of editions. It says "today" of its count."""
    today = clock.today(runtime().settings.timezone)
    key = (digest.id, digest.version, values["is_editable"], matrix.counted_at, today, urlencode(view, doseq=True))
    return _tables.get(key, lambda: Markup(render_template("desk/_matrix.html", **values)))  # noqa: S704


def _stories_key(digest: Digest, findings: Sequence[ShownFinding], view: Mapping[str, Any], editable: bool) -> Hashable:
    """All that the list of stories shows, while none of their deks is open."""
    about = tuple(repr(shown.finding) for shown in findings if shown.finding.where == "articles")
    return digest.id, digest.created_at, digest.version, editable, urlencode(view, doseq=True), about


def _passed(digest: Digest, findings: Sequence[ShownFinding]) -> list[str]:
    is_checked = bool(digest.items) and digest.status in MENDABLE
    return passed_checks(shown.finding for shown in findings) if is_checked else []


def _matrix(digest: Digest, args: MultiDict[str, str]) -> Matrix | None:
    if not digest.items:
        return None
    counts_now = args.get("count") == "editions"
    counted = counted_preferences(digest.cadence) if counts_now else cached_preferences(digest.cadence)
    return matrix_of(digest, counted) if counted is not None else None


def _corrections(digest: Digest, args: MultiDict[str, str]) -> CountedCorrections | None:
    """The corrections that would go along with a draft that is not frozen yet."""
    if digest.frozen_at is not None or digest.status == DigestStatus.CANCELLED:
        return None
    return counted_corrections(digest.id) if args.get("count") == "corrections" else cached_corrections(digest.id)


def _stories(digest: Digest, findings: Sequence[ShownFinding]) -> list[ComposedStory]:
    by_slug: dict[object, list[ShownFinding]] = {}
    for shown in findings:
        if shown.finding.where == "articles":
            by_slug.setdefault(shown.finding.values.get("slug"), []).append(shown)
    lead = digest.lead_position
    return [ComposedStory(item, item.position == lead, by_slug.get(item.revision.slug, [])) for item in digest.items]


def _size(session: Session, digest: Digest) -> dict[str, int]:
    """Words and bytes of the edition with all stories."""
    if not digest.items and not digest.corrections:
        return {"words": 0, "bytes": 0, "most": mail_findings.LARGEST}
    return {**cached_size(session, digest)._asdict(), "most": mail_findings.LARGEST}


def _texts(digest: Digest, failure: Failure | None) -> dict[str, str]:
    """The words in the fields: those that were entered, where they were refused."""
    entered = failure.form if failure and "subject" in failure.form else {}
    return {name: entered.get(name, getattr(digest, name)) for name in ("subject", "preheader", "intro")}
