"""A log says that something is done when it is: nothing that knows a session logs by itself, before the commit."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOGGERS = {"log", "logger", "logging"}


def early_logs(source: str) -> list[int]:
    """The lines that log inside a transaction: in its block, or in a function that is given the session."""
    tree = ast.parse(source)
    return sorted({line for scope in ast.walk(tree) if _has_session(scope) for line in _logs(scope)})


def _has_session(node: ast.AST) -> bool:
    if isinstance(node, ast.FunctionDef):
        return any(argument.arg == "session" for argument in [*node.args.args, *node.args.kwonlyargs])
    if isinstance(node, ast.With):
        calls = [item.context_expr for item in node.items]
        return any(
            isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "transaction"
            for call in calls
        )
    return False


def _logs(scope: ast.AST) -> Iterator[int]:
    for node in ast.walk(scope):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            if isinstance(owner, ast.Name) and owner.id in LOGGERS:
                yield node.lineno


def test_nothing_is_logged_before_it_is_committed() -> None:
    paths = [path for folder in ("newsletter", "workers") for path in (ROOT / folder).rglob("*.py")]
    found = {
        str(path.relative_to(ROOT)): early_logs(path.read_text()) for path in paths if "migrations" not in path.parts
    }
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "source",
    [
        "def end(session, reader):\n    log.info('ended')",
        "def end(key, *, session):\n    for each in key:\n        log.warning('ended')",
        "with runtime.db.transaction() as session:\n    if x:\n        log.error('ended')",
        "with suppress(E), db.transaction() as session:\n    logging.info('ended')",
    ],
)
def test_every_early_log_is_found(source: str) -> None:
    assert early_logs(source)


@pytest.mark.parametrize(
    "source",
    [
        "with db.transaction() as session:\n    count = end(session)\nlog.info('%d ended', count)",
        "def end(session):\n    log_after_commit(session, log).info('ended')",
        "def end(db):\n    log.info('ended')",
    ],
)
def test_logs_after_the_commit_are_none(source: str) -> None:
    assert early_logs(source) == []
