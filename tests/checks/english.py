"""Checks the English of docstrings and comments: `make check` runs it.

Reported are docstring sentences that begin with a free relative clause ("Who is deferred is …"), retired metaphors (a
module is no room, a retry no turn), and measures without a number or a name ("is kept so long"). docs/glossary.md,
"English", says why.
"""

from __future__ import annotations

import ast
import re
import sys
import tokenize
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import NamedTuple

CHECKOUT = Path(__file__).parents[2]
PACKAGES = ("newsletter", "workers")
NOT_READ: tuple[str, ...] = ()
"""Files that are not rewritten yet. To be emptied."""

_RELATIVE = re.compile(r"(?:^|(?<=[.!?:;] )|(?<=\n\n))(Who|Whom|Whose|Whoever|What|Whatever)\b[^.!?]*[.!]?(\?)?")
_UNMEASURED = re.compile(r"\bso (?:long|many|much)(?=[.:;,])")
_METAPHOR = re.compile(r"\b(doors?|rooms?|houses?|dress(?:es)?)\b", re.I)


class Finding(NamedTuple):
    """A place to rewrite."""

    path: str
    line: int
    words: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.words}"


def findings(source: str, path: str = "") -> Iterator[Finding]:
    """The places in one file's text."""
    for line, text in _docstrings(ast.parse(source)):
        flowing = re.sub(r"(?<!\n)\n(?!\n)", " ", re.sub(r"\n[ \t]+", "\n", text))
        for match in _RELATIVE.finditer(flowing):
            if not match[0].rstrip().endswith("?"):
                yield Finding(path, line, match[0][:60])
        yield from (Finding(path, line, f"“{word[0]}” in a docstring") for word in _METAPHOR.finditer(text))
        yield from (Finding(path, line, f"“{word[0]}” says no measure") for word in _UNMEASURED.finditer(flowing))
    for token in tokenize.generate_tokens(StringIO(source).readline):
        if token.type == tokenize.COMMENT and (word := _METAPHOR.search(token.string)):
            yield Finding(path, token.start[0], f"“{word[0]}” in a comment")


def _docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Docstrings, and the strings that stand alone after an attribute."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value


def main() -> int:
    """Print all findings; 1 if there are any."""
    paths = sorted(path for package in PACKAGES for path in (CHECKOUT / package).rglob("*.py"))
    names = [str(path.relative_to(CHECKOUT)) for path in paths]
    read = [name for name in names if not any(name == each or name.startswith(f"{each}/") for each in NOT_READ)]
    found = [each for name in read for each in findings((CHECKOUT / name).read_text(), name)]
    sys.stdout.writelines(f"{each}\n" for each in found)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
