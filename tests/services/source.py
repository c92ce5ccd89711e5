"""The project's own source as syntax trees, for tests about names and words."""

from __future__ import annotations

import ast
from collections.abc import Iterator
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


def is_below(path: str, folders: tuple[str, ...]) -> bool:
    """Whether `path` is one of `folders` or files, or lies in one."""
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)


def walk(kind: type[ast.AST], *, without: tuple[str, ...] = ()) -> Iterator[tuple[str, ast.AST]]:
    """All nodes of one kind, with their files' paths."""
    for path, tree in sources():
        if not is_below(path, without):
            yield from ((path, node) for node in ast.walk(tree) if isinstance(node, kind))
