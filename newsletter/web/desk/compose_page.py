"""The values of the composer's page: the letter, its candidates, its findings, its preview, and who gets what."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
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
from newsletter.core.errors import InvalidError, NewsletterError
from newsletter.core.languages import gettext_noop
from newsletter.core.runtime import runtime
from newsletter.digests import changes, mail_findings
from newsletter.digests.candidates import find_candidates, search_candidates
from newsletter.digests.models import Digest, DigestArticle, DigestChange, DigestStatus
from newsletter.digests.queries import get_with_articles
from newsletter.staff import audit
from newsletter.staff.rights import Right
from newsletter.web.desk import compose_words
from newsletter.web.desk.blueprint import signed_in
from newsletter.web.desk.cached_corrections import CountedCorrections, cached_corrections, counted_corrections
from newsletter.web.desk.cached_mails import cached_size
from newsletter.web.desk.cached_preferences import cached_preferences, counted_preferences
from newsletter.web.desk.cached_spam_scores import ask_spam_score, cached_spam_score, wants_spam_score
from newsletter.web.desk.compose_editions import Matrix, matrix_of
from newsletter.web.desk.compose_preview import Preview
from newsletter.web.desk.desk_preflight import MENDABLE, desk_preflight
from newsletter.web.desk.drawn_parts import drawn_once
from newsletter.web.desk.finding_words import ShownFinding, at_story, show_findings
from newsletter.web.desk.passed_checks import passed_checks
from newsletter.web.desk.value_cache import ValueCache
from newsletter.web.language import page_language
from newsletter.web.request_values import parse_search

PHONES_SHOW = 40
"""Characters of a subject that phones show, about."""
SUBJECT_LENGTH, PREHEADER_LENGTH = 60, 90
"""Characters that most programs show, about."""

DONE_CHECK = gettext_noop("The links are being checked")
DONE_UNDO = gettext_noop("Undone: %(change)s")


_tables: ValueCache[tuple[int, int, datetime, date, str], Markup] = ValueCache(3600.0)


@dataclass(frozen=True)
class Failure:
    """A move that was refused."""

    error: NewsletterError
    version: int
    """The version of the digest that the page showed."""
    form: Mapping[str, str]

    @property
    def slug(self) -> str:
        """Of the article that the move was about."""
        return self.form.get("slug", "")

    @property
    def field(self) -> str:
        """The field whose text cannot be accepted; "" where it is none."""
        if not isinstance(self.error, InvalidError):
            return ""
        named = str(self.error.values.get("field", ""))
        return "subject" if self.error.code == "digest.subject_empty" else named


class ShownChange(NamedTuple):
    """A change in words, and who made it (or undid it), when."""

    words: str
    who: str
    at: datetime


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
    settings, wanted, person = runtime().settings, Preview.of(args), signed_in()
    if args.get("count") == "spam":
        ask_spam_score(number)
    search = parse_search(args.get("q", ""))
    view, here = view_query(args), url_for("desk.compose", number=number)
    with runtime().db.reading() as session:
        digest = get_with_articles(session, number)
        matrix = _matrix(digest, args)  # before the preflight, which reads what it counted
        found = desk_preflight(session, digest)
        findings = show_findings(found.findings)
        is_editable = digest.status == DigestStatus.DRAFT and person.may(Right.PUBLISH)
        takes_stories = is_editable and digest.cadence != Cadence.CORRECTION
        zone = settings.timezone
        recent = changes.recent_changes(session, number) if is_editable else []
        last = next((each for each in recent if each.undone_at is None), None)
        undone = next((each for each in reversed(recent) if each.undone_at is not None), None)
        names = audit.names(session) if recent or failure else {}
        open_dek = failure.slug if failure and failure.field == "dek" else args.get("dek", "")
        candidates = find_candidates(session, digest, zone) if takes_stories and not search else None
        matches = search_candidates(session, digest, search, zone) if takes_stories and search else None
        values = {
            "digest": digest,
            "is_editable": is_editable,
            "is_mendable": digest.status in MENDABLE,
            "stories": _stories(digest, findings),
            "stories_key": None if open_dek else _stories_key(digest, findings, view, is_editable),
            "findings": findings,
            "is_blocked": any(shown.finding.blocks for shown in findings),
            "size": _size(session, digest),
            "candidates": candidates,
            "found": matches,
            "candidates_key": (digest.id, digest.min_trust, candidates, matches),
            "search": search,
            "dropped": changes.dropped_articles(recent, digest),
            "undo": _shown(last, names),
            "redo": _shown(undone, names),
            "said": _said(last, undone, args.get("done", "")),
            "texts": _texts(digest, failure),
            "lengths": {"phone": PHONES_SHOW, "subject": SUBJECT_LENGTH, "preheader": PREHEADER_LENGTH},
            "failure": failure,
            "errors": {failure.field: failure.error} if failure and failure.field else {},
            "meanwhile": _meanwhile(session, number, failure, names),
            "preview": wanted,
            "preview_path": url_for("desk.preview", number=number),
            "view": view,
            "drawn_once": drawn_once,
            "at": lambda part, **more: f"{here}?{urlencode(view | more, doseq=True)}#{quote(part)}",
            "open_dek": open_dek,
            "refused_dek": failure.form.get("dek", "") if failure and failure.field == "dek" else None,
            "passed": _passed(digest, findings),
            "links": found.links if takes_stories else None,
            "spam_score": cached_spam_score(digest),
            "wants_spam_score": takes_stories and bool(digest.items) and wants_spam_score(digest),
            "at_story": at_story,
            "nothing_words": compose_words.NOTHING_WORDS,
            "sections": list(dict.fromkeys(revision.section for revision in digest.revisions)),
            "hype_labels": settings.hype_labels,
            "holds_stories": digest.cadence != Cadence.CORRECTION,
            "matrix": matrix,
            "corrections": _corrections(digest, args),
            "rule_trust": max(digest.min_trust, FAIR_TRUST),
        }
        return {**values, "matrix_table": _drawn(digest, matrix, view, values) if matrix and matrix.everybody else ""}


def _drawn(digest: Digest, matrix: Matrix, view: Mapping[str, Any], values: Mapping[str, Any]) -> Markup:
    """The table of editions. It says "today" of its count."""
    today = clock.today(runtime().settings.timezone)
    key = (digest.id, digest.version, matrix.counted_at, today, urlencode(view, doseq=True))
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
    entered = failure.form if failure and failure.form.get("do") == "texts" else {}
    return {name: entered.get(name, getattr(digest, name)) for name in ("subject", "preheader", "intro")}


def _shown(change: DigestChange | None, names: Mapping[int, str]) -> ShownChange | None:
    if change is None:
        return None
    by = (change.undone_by_kind, change.undone_by_id) if change.undone_at else (change.by_kind, change.by_id)
    who = compose_words.maker_name(*by, names, signed_in().member_id)
    return ShownChange(compose_words.change_words(change), who, change.undone_at or change.made_at)


def _said(last: DigestChange | None, undone: DigestChange | None, done: str) -> str:
    """The last move in words, for those who do not see it."""
    if done == "check":
        return page_language().gettext(DONE_CHECK)
    change = undone if done == "undo" else last
    if not done or change is None:
        return ""
    words = compose_words.change_words(change)
    return page_language().gettext(DONE_UNDO) % {"change": words} if done == "undo" else words


def _meanwhile(
    session: Session, number: int, failure: Failure | None, names: Mapping[int, str]
) -> list[ShownChange] | None:
    """The changes by others since the page showed the digest; None when nothing of the kind was in the way."""
    if failure is None or failure.error.code != "digest.changed":
        return None
    found = [_shown(each, names) for each in changes.changes_since(session, number, failure.version)]
    return [each for each in found if each is not None]
