"""Each state has one owner: no other module writes its columns."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parents[2] / "newsletter"


class Owner(NamedTuple):
    """The columns of a model that only these modules write."""

    model: str
    columns: frozenset[str]
    modules: frozenset[str]


OWNERS = [
    Owner(
        "Subscriber",
        frozenset({"status", "confirmed_at", "unsubscribed_at", "unsubscribe_reason"}),
        frozenset({"subscribers/lifecycle.py", "subscribers/bulk_insert.py"}),
    ),
]


def names_of(node: ast.AST) -> Iterator[str]:
    """The names of columns that a statement or a call writes."""
    if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            yield from (part.attr for part in ast.walk(target) if isinstance(part, ast.Attribute))
    if isinstance(node, ast.Call):
        function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        keywords = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
        if function == "values" or function in {owner.model for owner in OWNERS}:
            yield from keywords
            yield from (key for argument in node.args for key in keys_of(argument))
        if function == "setattr" and isinstance(node.args[1], ast.Constant):
            yield str(node.args[1].value)
        if "set_" in keywords:
            yield from keys_of(keywords["set_"])


def keys_of(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Dict):
        yield from (str(key.value) for key in node.keys if isinstance(key, ast.Constant))


def writes(source: str, owner: Owner) -> list[str]:
    """Where a module writes columns of the owner's model. One that never names the model cannot have a row of it."""
    tree = ast.parse(source)
    if not any(isinstance(node, ast.alias) and node.name == owner.model for node in ast.walk(tree)):
        return []
    return [
        f"line {getattr(node, 'lineno', 0)} writes {name}"
        for node in ast.walk(tree)
        for name in names_of(node)
        if name in owner.columns
    ]


@pytest.mark.parametrize("owner", OWNERS, ids=lambda owner: owner.model)
def test_nobody_else_writes_a_state(owner: Owner) -> None:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        module = str(path.relative_to(PACKAGE))
        if module not in owner.modules and not module.startswith("migrations/"):
            found[module] = writes(path.read_text(), owner)
    assert {module: lines for module, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "statement",
    [
        "reader.status = 'active'",
        "reader.unsubscribed_at = reader.unsubscribe_reason = None",
        "reader.address, reader.confirmed_at = 'a', None",
        "update(Subscriber).values(status='active')",
        "update(Subscriber).values({'status': 'active'})",
        "insert.on_conflict_do_update(set_={'status': 'active'})",
        "Subscriber(address='a', status='active')",
        "setattr(reader, 'status', 'active')",
    ],
)
def test_such_a_write_is_found(statement: str) -> None:
    source = f"from newsletter.subscribers.models import Subscriber\n{statement}\n"
    assert writes(source, OWNERS[0])
