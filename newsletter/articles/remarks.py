"""Remarks on a saved page that is accepted: what an editor should look at."""

from __future__ import annotations

from collections.abc import Collection

from newsletter.articles.errors import quoted
from newsletter.articles.page import ParsedPage


def remarks(page: ParsedPage, sections: Collection[str]) -> list[str]:
    """Sentences on a page; `sections` are those in use. The first page of all can have no unknown section."""
    found: list[str] = []
    if page.source_count != len(page.sources):
        found.append(f"The page says {_sources(page.source_count)}, and lists {len(page.sources)}.")
    if sections and page.section not in sections:
        found.append(f"The section {quoted(page.section)} is new: there was no story of it yet.")
    return found


def _sources(count: int) -> str:
    return "1 source" if count == 1 else f"{count} sources"
