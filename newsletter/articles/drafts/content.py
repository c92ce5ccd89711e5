"""The fields of a draft as they were entered: strings, whether they make sense or not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from newsletter.articles.models import Markup, Revision, RevisionKind
from newsletter.articles.page import ParsedPage
from newsletter.core.languages import PUBLICATION_LANGUAGE

_UNSHOWABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""Control characters and what no encoder takes: no page can show them, so nothing that was written is lost."""


@dataclass(frozen=True)
class DraftSource:
    """A source as it was entered."""

    publisher: str = ""
    title: str = ""
    url: str = ""
    raw: str = ""
    """The line of the saved page that it was read from, if any."""

    @property
    def is_blank(self) -> bool:
        return not (self.publisher.strip() or self.title.strip() or self.url.strip())


@dataclass(frozen=True)
class DraftContent:
    """The content that an editor entered, by the names of the form's fields."""

    title: str = ""
    dek: str = ""
    section: str = ""
    date: str = ""
    hype: str = ""
    language: str = PUBLICATION_LANGUAGE
    markup: str = Markup.MARKDOWN
    written_by: str = ""
    checked_by: str = ""
    ai_use: str = ""
    trust: str = ""
    """The score, where it is given without its parts."""
    parts: Mapping[str, str] = field(default_factory=dict)
    """Points by the keys of the rubric's parts."""
    source_count: str = ""
    """The number that readers see; empty for as many as are listed."""
    points: tuple[str, ...] = ()
    """Of TL;DR."""
    body: str = ""
    sources: tuple[DraftSource, ...] = ()
    kind: str = RevisionKind.SMALL
    """Of the change to a published story, as the next three are."""
    note: str = ""
    serious: bool = False
    reported_at: str = ""

    def to_json(self) -> dict[str, Any]:
        """As the database keeps it. Line ends are plain, and what no page can show is left out."""
        return {name: _storable(value) for name, value in asdict(self).items()}

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> DraftContent:
        """The content that `to_json` wrote, also before a field was added."""
        known = {each.name: values[each.name] for each in fields(DraftContent) if each.name in values}
        known["points"] = tuple(known.get("points", ()))
        known["sources"] = tuple(DraftSource(**source) for source in known.get("sources", ()))
        return DraftContent(**known)

    def tidy(self) -> DraftContent:
        """The content as the database would give it back."""
        return DraftContent.from_json(self.to_json())


def content_of_revision(revision: Revision) -> DraftContent:
    """A published revision as a draft begins with it; its number of sources only where the list has another."""
    listed = len(revision.sources)
    return DraftContent(
        **{name: getattr(revision, name) for name in ("title", "dek", "section", "hype", "language", "body")},
        **{name: getattr(revision, name) for name in ("written_by", "checked_by", "ai_use")},
        markup=revision.markup.value,
        date=revision.date.isoformat(),
        trust="" if revision.trust_parts else str(revision.trust),
        parts={part["key"]: str(part["points"]) for part in revision.trust_parts or ()},
        source_count="" if revision.source_count == listed else str(revision.source_count),
        points=tuple(revision.bullets),
        sources=tuple(DraftSource(**source) for source in revision.sources_json),
    )


def content_of_page(page: ParsedPage) -> DraftContent:
    """A saved page as a draft begins with it."""
    values = page.content()
    del values["trust_parts"]
    values["sources_json"] = [dict(source) for source in values["sources_json"]]
    found = content_of_revision(Revision(**values, trust_parts=None))
    if not page.trust_parts:
        return found
    return replace(found, trust="", parts={part.key: str(part.points) for part in page.trust_parts})


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return _UNSHOWABLE.sub("", value.replace("\r\n", "\n").replace("\r", "\n"))
    if isinstance(value, Mapping):
        return {_storable(key): _storable(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_storable(each) for each in value]
    return value
