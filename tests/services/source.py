"""The project's own source as syntax trees, for tests about names and words."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import NamedTuple

CHECKOUT = Path(__file__).parents[2]
PACKAGES = ("newsletter", "workers")


class Source(NamedTuple):
    """A file: its path below the checkout, and its syntax tree."""

    path: str
    tree: ast.Module


@cache
def sources() -> tuple[Source, ...]:
    """All Python files of the packages."""
    paths = sorted(path for package in PACKAGES for path in (CHECKOUT / package).rglob("*.py"))
    return tuple(Source(str(path.relative_to(CHECKOUT)), ast.parse(path.read_text())) for path in paths)
