"""The editor's form: reading what was entered, and the buttons that change its rows.

Points and sources are rows of fields with the same names. A button of a row is named `do` and says what, of which row:
"add-point", "up-source-2", "out-point-1". So everything works without a script; with one, the browser does the same.
"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import zip_longest
from typing import Any, NamedTuple

from werkzeug.datastructures import MultiDict

from newsletter.articles.drafts.checking import PART
from newsletter.articles.drafts.content import DraftContent, DraftSource
from newsletter.core import tokens
from newsletter.web.request_values import parse_number

MOST_ROWS = 100
"""Points, or sources. Further rows are joined to the last one, so that nothing is lost."""
_DO = re.compile(r"(up|down|out)-(point|source)-([0-9]{1,3})")
_TEXTS = (
    *("title", "dek", "section", "date", "hype", "language", "markup", "written_by", "checked_by", "ai_use"),
    *("trust", "source_count", "body", "kind", "note", "reported_at"),
)


class StoryForm(NamedTuple):
    """A form that was sent."""

    content: DraftContent
    version: int
    """Of the draft that the page showed; 0 where there was none."""
    base: int
    """The number of the published revision that the page showed; 0 for none."""
    slug: str
    """Of the published story; empty for a new one."""
    key: str
    """Random, of the page that the form stood on."""
    anchor: str
    """The row that a button changed, as a part of the page."""


def read_story_form(form: MultiDict[str, str]) -> StoryForm:
    """The form as it was entered, after the button of a row did its work."""
    known = {name: form[name] for name in _TEXTS if name in form}
    parts = {name.removeprefix(PART): value for name, value in form.items() if name.startswith(PART)}
    columns = (form.getlist(f"source_{name}") for name in ("publisher", "title", "url", "raw"))
    content = DraftContent(
        **known,
        parts=parts,
        points=_points(form.getlist("point")),
        sources=tuple(DraftSource(*row) for row in zip_longest(*columns, fillvalue=""))[:MOST_ROWS],
        serious="serious" in form,
    )
    changed, anchor = change_rows(content, form.get("do", ""))
    version, base = (parse_number(form.get(name, "")) or 0 for name in ("version", "base"))
    key = form.get("key", "") or tokens.random_token()
    return StoryForm(changed, version, base, form.get("slug", ""), key, anchor)


def pairs_of(content: DraftContent) -> list[tuple[str, str]]:
    """The names and values of a form that enters this content."""
    found: list[tuple[str, str]] = [(name, getattr(content, name)) for name in _TEXTS]
    found += [(f"{PART}{key}", value) for key, value in content.parts.items()]
    found += [("point", point) for point in content.points]
    for source in content.sources:
        found += [(f"source_{name}", getattr(source, name)) for name in ("publisher", "title", "url", "raw")]
    return found + ([("serious", "on")] if content.serious else [])


def change_rows(content: DraftContent, do: str) -> tuple[DraftContent, str]:
    """The content after a button of the rows, and the row to go on with."""
    if do == "add-point":
        return replace(content, points=(*content.points, "")), f"point-{len(content.points) + 1}"
    if do == "add-source":
        return replace(content, sources=(*content.sources, DraftSource())), f"source-{len(content.sources) + 1}"
    found = _DO.fullmatch(do)
    if found is None:
        return content, ""
    action, row, number = found[1], found[2], int(found[3])
    name = f"{row}s"
    rows, at = changed_rows(getattr(content, name), action, number - 1)
    changes: dict[str, Any] = {name: rows}
    return replace(content, **changes), f"{row}-{at + 1}"


def changed_rows(rows: tuple[Any, ...], action: str, index: int) -> tuple[tuple[Any, ...], int]:
    """The rows after one of them went up, down or out, and the index to go on with; as they were for other indexes."""
    if not 0 <= index < len(rows):
        return rows, 0
    changed = list(rows)
    row = changed.pop(index)
    if action == "out":
        return tuple(changed), max(0, min(index, len(changed) - 1))
    to = max(0, index - 1) if action == "up" else min(len(changed), index + 1)
    changed.insert(to, row)
    return tuple(changed), to


def _points(rows: list[str]) -> tuple[str, ...]:
    first, rest = rows[: MOST_ROWS - 1], rows[MOST_ROWS - 1 :]
    return (*first, "\n".join(rest)) if rest else tuple(first)
