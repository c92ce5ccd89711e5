"""Saved pages on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from newsletter.articles.errors import PageError
from newsletter.articles.models import Markup
from newsletter.articles.page import ParsedPage, parse_page
from newsletter.articles.page_lines import LARGEST
from newsletter.articles.rubric_parts import RubricPart
from newsletter.core.languages import PUBLICATION_LANGUAGE


def pages_in(path: Path) -> list[Path]:
    """The files that a path stands for: itself, or a folder's *.txt in order of name, without subfolders.

    Raises PageError, without a line, for a folder that holds none or cannot be read.
    """
    try:
        if not path.is_dir():
            return [path]
        pages = sorted(file for file in path.iterdir() if file.suffix.lower() == ".txt" and file.is_file())
    except OSError as error:
        raise _unreadable(error) from error
    if not pages:
        raise PageError(None, "page.empty_folder", "The folder holds no .txt file.")
    return pages


def read_page(
    path: Path,
    hype_labels: Sequence[str],
    *,
    language: str = PUBLICATION_LANGUAGE,
    markup: Markup = Markup.TEXT,
    parts: Sequence[RubricPart] | None = None,
) -> ParsedPage:
    """Read a saved page, as `parse_page` does.

    Raises PageError; its line is None if the file cannot be read at all.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)  # never more than is needed to see that it is too large
    except OSError as error:
        raise _unreadable(error) from error
    return parse_page(data, hype_labels, language=language, markup=markup, parts=parts)


def _unreadable(error: OSError) -> PageError:
    cause = error.strerror or "unknown error"
    return PageError(None, "page.unreadable", "It cannot be read (%(cause)s).", cause=cause)
