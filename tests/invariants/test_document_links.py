"""Links, files and modules that the documents name are there, and the README leads to each page."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.source import CHECKOUT

README = CHECKOUT / "README.md"
PAGES = sorted([*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").rglob("*.md")])
FOLDERS = ("", "newsletter", "newsletter/articles", "newsletter/delivery/events", "newsletter/web", "templates/web")
"""Places below which pages name files."""
_FILE = re.compile(r"[\w.-]+(?:/[\w.-]+)+\.(?:py|html|md|css|toml|cfg|json|service|env)")
_MODULE = re.compile(r"[a-z_]+(?:\.[a-z_]+)+")
_NO_MODULES = re.compile(r".+\.(?:txt|lock|cfg|html|css|csv|md|py|cf|toml)")


def without_blocks(page: Path) -> str:
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """The file and the heading that each link of a page leads to, but for links to other sites."""
    for target in re.findall(r"\]\(([^)\s]+)\)", without_blocks(page)):
        if "://" not in target:
            path, _, heading = target.partition("#")
            yield (page.parent / path).resolve() if path else page, heading


def anchors(page: Path) -> set[str]:
    """The headings of a page, as addresses name them."""
    headings = re.findall(r"^#+ (.+)$", without_blocks(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def named(page: Path) -> list[str]:
    """The pieces of a page that are written as code."""
    return re.findall(r"`([^`\n]+)`", without_blocks(page))


def is_importable(name: str) -> bool:
    """Whether this is a module, or a name in one, as it stands or below `newsletter`."""
    parts = name.split(".")
    for base in ("newsletter.", ""):
        for module, attribute in ((name, ""), (".".join(parts[:-1]), parts[-1])):
            try:
                found = importlib.import_module(base + module)
            except ImportError:
                continue
            if not attribute or hasattr(found, attribute):
                return True
    return False


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for path, heading in links(page):
        assert path.exists(), path
        assert not heading or heading in anchors(path), (path, heading)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_modules_exist(page: Path) -> None:
    for name in named(page):
        if _FILE.fullmatch(name):
            assert any((CHECKOUT / folder / name).exists() for folder in FOLDERS), name
        elif _MODULE.fullmatch(name) and not _NO_MODULES.fullmatch(name):
            assert is_importable(name), name


def test_the_readme_leads_to_each_page() -> None:
    reached, waiting = set[Path](), [README]
    while waiting:
        page = waiting.pop()
        if page not in reached and page.suffix == ".md":
            reached.add(page)
            waiting += [path / "README.md" if path.is_dir() else path for path, _ in links(page)]
    assert set(PAGES) <= reached
