"""Views and commands are thin: no statement of theirs reads or writes the database, the packages below do."""

from __future__ import annotations

import ast

from tests.services.source import sources

STATEMENTS = {"select", "update", "insert", "delete", "func", "exists"}


def test_no_view_and_no_command_writes_a_statement() -> None:
    found = [
        f"{path}:{node.lineno}"
        for path, tree in sources()
        if path.startswith(("newsletter/web/", "newsletter/cli/"))
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlalchemy")
        if STATEMENTS & {name.name for name in node.names}
    ]
    assert found == []
