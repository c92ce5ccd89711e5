"""Applications that are made quickly: each test has one of its own, which compiles templates and routes anew.

What is compiled is the same in each, and is kept for the test process. That is half of the time of most tests.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from werkzeug.routing import Rule

from newsletter.core import compiled_templates

_KEPT = TemporaryDirectory(prefix="newsletter-templates-")


def install() -> None:
    """Keep what applications of this process compile."""
    compiled_templates.keep_in(Path(_KEPT.name), "a key for tests")
    compile_builder, known = Rule._compile_builder, dict[Any, Callable[..., tuple[str, str]]]()

    def compile_once(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        """Werkzeug writes a function for each rule, from nothing but this; it finds the rule in its first argument."""
        key = (tuple(rule._trace), repr(rule.defaults), append_unknown)
        if key not in known:
            known[key] = compile_builder(rule, append_unknown)
        return known[key]

    Rule._compile_builder = compile_once  # type: ignore[assignment, method-assign]
