"""Errors carry a code and values; their messages say what is wrong, and never what to type."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import newsletter
import workers
from newsletter.cli.hints import HINTS
from newsletter.core.errors import NewsletterError
from tests.services.source import sources

NOT_CONVERTED: tuple[str, ...] = ()
"""Packages that still use the form without a code. To be emptied."""

_CODE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
_FOR_THE_COMMAND_LINE = re.compile(
    r"(?<![\w-])--[a-z]"
    r"|\bnewsletter (?:articles|bounces|clock|db|demo|digests|editors|subscribers|support|web|worker)\b"
    r"|`newsletter|\bpress\b|\bbutton\b",
    re.I,
)


class Raised(NamedTuple):
    """A place where an error of ours is made."""

    path: str
    line: int
    code: str | None
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


def error_types() -> dict[str, type[NewsletterError]]:
    """All types of our errors by name."""
    for package in (newsletter, workers):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.startswith(("newsletter.__main__", "newsletter.migrations")):
                importlib.import_module(module.name)
    found: dict[str, type[NewsletterError]] = {}
    waiting = [NewsletterError]
    while waiting:
        kind = waiting.pop()
        found[kind.__name__] = kind
        waiting += kind.__subclasses__()
    return found


def raised() -> Iterator[Raised]:
    names = error_types()
    for path, tree in sources():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in names and path != "newsletter/core/errors.py":
                texts = [literal(argument, constants(tree)) for argument in node.args]
                code = next((text for text in texts if text and _CODE.fullmatch(text)), None)
                message = next((text for text in texts if text and " " in text), "")
                yield Raised(path, node.lineno, code, message)


def constants(tree: ast.Module) -> dict[str, str]:
    """The texts of a module's own names."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = literal(node.value, {}) or ""
    return found


def literal(node: ast.expr, names: dict[str, str]) -> str | None:
    """The text of a constant, also of a module's name, inside `gettext_noop(…)` or an f-string; None for all else."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
    if isinstance(node, ast.Call) and len(node.args) == 1:
        return literal(node.args[0], names)
    return None


def is_converted(path: str) -> bool:
    return not any(path.startswith(f"{each}/") or path == each for each in NOT_CONVERTED)


def test_each_error_has_a_dotted_code() -> None:
    assert [str(each) for each in raised() if is_converted(each.path) and each.code is None] == []


def test_a_code_stands_for_one_message() -> None:
    messages: dict[str, set[str]] = defaultdict(set)
    for each in raised():
        if each.code and each.message:
            messages[each.code].add(each.message)
    assert {code for code, found in messages.items() if len(found) > 1} == set()


def test_no_message_says_what_to_type() -> None:
    places = [each for each in raised() if is_converted(each.path) and _FOR_THE_COMMAND_LINE.search(each.message)]
    assert [(str(each), each.message) for each in places] == []


def test_each_hint_is_for_a_code_that_exists() -> None:
    codes = {each.code for each in raised()}
    assert set(HINTS) - codes == set()


def test_each_package_that_is_not_converted_needs_it() -> None:
    """The list above holds no package that is converted already."""
    left = {each.path for each in raised() if each.code is None or _FOR_THE_COMMAND_LINE.search(each.message)}
    idle = [package for package in NOT_CONVERTED if not any(path.startswith(package) for path in left)]
    assert idle == []
