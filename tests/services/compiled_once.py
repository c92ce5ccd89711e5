"""Each test has an application and an engine of its own, which would compile templates, routes and statements anew.

What they compile is the same in each, and is kept for the test process. That is half of the time of most tests.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Engine, create_engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

from newsletter.core import compiled_templates
from newsletter.core.db import engine as engines

_KEPT = TemporaryDirectory(prefix="newsletter-templates-")
_MOST_STATEMENTS = 10_000


def install() -> None:
    """Keep what this process compiles."""
    compiled_templates.keep_in(Path(_KEPT.name), "a key for tests")
    _keep_routes()
    _keep_statements()


def _keep_routes() -> None:
    compile_builder, known = Rule._compile_builder, dict[Any, Callable[..., tuple[str, str]]]()

    def compile_once(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        """Werkzeug writes a function for each rule, from nothing but this; it finds the rule in its first argument."""
        key = (tuple(rule._trace), repr(rule.defaults), append_unknown)
        if key not in known:
            known[key] = compile_builder(rule, append_unknown)
        return known[key]

    Rule._compile_builder = compile_once  # type: ignore[assignment, method-assign]


def _keep_statements() -> None:
    """An engine, and each mapper, finds its statements by the dialect of that engine. All of a kind are alike here."""
    known: defaultdict[str, LRUCache[Any, Any]] = defaultdict(lambda: LRUCache(_MOST_STATEMENTS))

    def create(url: str, **options: Any) -> Engine:
        engine = create_engine(url, **options)
        engine._compiled_cache = known[engine.dialect.name]
        return engine

    engines.create_engine = create  # type: ignore[assignment, attr-defined]
    DefaultDialect.__eq__ = _is_alike  # type: ignore[method-assign, assignment]
    DefaultDialect.__hash__ = _hash_of_kind  # type: ignore[method-assign, assignment]


def _is_alike(one: DefaultDialect, other: object) -> bool:
    return type(one) is type(other)


def _hash_of_kind(dialect: DefaultDialect) -> int:
    return hash(type(dialect))
