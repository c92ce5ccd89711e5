"""Each test has an application and an engine of its own, which would compile templates, routes and statements anew.

What they compile is the same in each, and is kept for the test process. That is half of the time of most tests.
"""

from __future__ import annotations

from collections import defaultdict
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
_OF_RULE = ("_parts", "_trace", "_converters", "_build", "_build_unknown", "arguments")
"""What `Rule.compile` makes of a rule's text, and of nothing else. The functions belong to the first rule of this text,
and ask it for its converters alone."""


def install() -> None:
    """Keep what this process compiles."""
    compiled_templates.keep_in(Path(_KEPT.name), "a key for tests")
    _keep_routes()
    _keep_statements()


def _keep_routes() -> None:
    """Werkzeug reads each rule's text, and writes two functions for it."""
    compile_rule, known = Rule.compile, dict[Any, dict[str, Any]]()

    def compile_once(rule: Rule) -> None:
        assert rule.map is not None
        kinds = tuple(sorted(rule.map.converters.items(), key=lambda each: each[0]))
        key = (rule.rule, rule.subdomain, rule.merge_slashes, repr(rule.defaults), kinds)
        if key not in known:
            compile_rule(rule)
            known[key] = {name: getattr(rule, name) for name in _OF_RULE}
            return
        rule.arguments |= known[key]["arguments"]
        rule.__dict__.update({name: value for name, value in known[key].items() if name != "arguments"})

    Rule.compile = compile_once  # type: ignore[assignment, method-assign]


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
