"""Each state has one owner: no other module writes these columns.

The test reads the syntax trees of the application. It knows the ways in which SQLAlchemy writes a column: an attribute
of a row, a row's constructor, `update()` and `insert()` on a model or its table, and SQL as text. A row's class is not
known to a syntax tree. So an attribute counts as a write unless the module works with another model that has a column
of that name, and not with the owned one.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from newsletter.core.db import Base
from newsletter.migrations import tables  # noqa: F401 - loads every model

ROOT = Path(__file__).parents[2]


class Ownership(NamedTuple):
    """The columns of a model that only one module or package writes."""

    owners: tuple[str, ...]
    """Paths of the module or package, and of a module that it alone calls to write."""
    model: str
    columns: frozenset[str]


OWNERS = (
    Ownership(
        ("newsletter/delivery/ledger/",),
        "Batch",
        frozenset(
            {
                "state",
                "outcomes",
                "attempt",
                "lease_until",
                "not_before",
                "failures",
                "deferred_since",
                "provider_batch_id",
                "withdrawing",
                "provider_ref",
                "tracking",
                "resent_attempt",
                "mailed_twice",
                "attempted_at",
                "note",
            }
        ),
    ),
    Ownership(
        ("newsletter/digests/lifecycle.py",),
        "Digest",
        frozenset(
            {
                "status",
                "version",
                "paused_reason",
                "paused_note",
                "scheduled_at",
                "provider_schedule",
                "frozen_at",
                "sent_at",
                "letter_name",
                "letter_since",
            }
        ),
    ),
    Ownership(
        ("newsletter/digests/changes.py",),
        "DigestChange",
        frozenset({"kind", "about", "before", "after", "digest_version", "by_kind", "by_id", "undone_at"}),
    ),
    Ownership(
        (
            "newsletter/subscribers/lifecycle.py",
            "newsletter/subscribers/reported_ends.py",
            "newsletter/subscribers/transition_updates.py",
            "newsletter/subscribers/bulk_insert.py",
        ),
        "Subscriber",
        frozenset({"status", "confirmed_at", "ended_at", "unsubscribed_at", "unsubscribe_reason"}),
    ),
    Ownership(
        ("newsletter/articles/drafts/saving.py",),
        "ArticleDraft",
        frozenset({"fields", "saved_by", "saved_with", "saved_at", "begun_by", "begun_with", "base_number", "is_page"}),
    ),
    Ownership(("newsletter/staff/people.py",), "StaffMember", frozenset({"role", "removed_at", "email", "email_key"})),
    Ownership(
        ("newsletter/staff/",),
        "StaffMember",
        frozenset({"password_hash", "totp_secret", "totp_step", "set_up_at"}),
    ),
    Ownership(
        ("newsletter/staff/sessions.py",),
        "StaffSession",
        frozenset({"token_hash", "form_secret", "last_seen_at", "proved_at"}),
    ),
    Ownership(
        ("newsletter/staff/audit.py",),
        "AuditEntry",
        frozenset({"happened_at", "actor_kind", "action", "object_kind", "object_id", "details"}),
    ),
    Ownership(("newsletter/staff/links.py",), "StaffLink", frozenset({"purpose", "token_hash", "nonce", "expires_at"})),
    Ownership(("newsletter/staff/passkeys.py",), "Passkey", frozenset({"credential_id", "public_key", "sign_count"})),
    Ownership(("newsletter/staff/recovery_codes.py",), "RecoveryCode", frozenset({"code_hash"})),
    Ownership(
        ("newsletter/articles/revising.py",),
        "Revision",
        frozenset({"is_current", "published_at", "published_at_basis"}),
    ),
    Ownership(("newsletter/articles/rubrics.py",), "Rubric", frozenset({"effective_from", "parts"})),
    Ownership(
        ("newsletter/digests/links/stored_checks.py",),
        "LinkCheck",
        frozenset({"wanted_at", "claimed_until", "checked_at", "verdict", "since", "status", "failure"}),
    ),
    Ownership(
        ("newsletter/support/payments.py", "newsletter/support/voices.py"),
        "SupportPayment",
        frozenset({"kind", "is_public", "hidden_at", "words"}),
    ),
    Ownership(
        ("newsletter/public_record/tallies.py",),
        "DigestTally",
        frozenset({"recipients", "in_doubt", "tracking_off", "edition_copy", "tallied_at"}),
    ),
    Ownership(
        ("newsletter/public_record/monthly_figures.py",), "MonthlyFigures", frozenset({"complained", "counted_at"})
    ),
    Ownership(("newsletter/mail/outgoing_mails.py",), "OutgoingMail", frozenset({"payload", "not_before", "kind"})),
    Ownership(
        ("newsletter/subscribers/suppression/suppressions.py",), "Suppression", frozenset({"key_hash", "reason"})
    ),
)


class Write(NamedTuple):
    """A write of an owned column."""

    line: int
    what: str


def writes(source: str, owned: Ownership) -> list[Write]:
    """The writes of owned columns in a module."""
    if not any(word in source for word in (owned.model, _table_of(owned), *owned.columns)):
        return []
    tree = parsed(source)
    found = {*_in_attributes(tree, owned), *_in_sql(tree, owned)}
    if owned.model in source:
        found |= {*_in_statements(tree, owned)}
    return sorted(found)


@cache
def parsed(source: str) -> ast.Module:
    """A module's tree: every state looks through all of them."""
    return ast.parse(source)


@cache
def nodes_of(tree: ast.AST) -> Sequence[ast.AST]:
    """All nodes of a tree."""
    return tuple(ast.walk(tree))


def _in_attributes(tree: ast.Module, owned: Ownership) -> Iterator[Write]:
    """`row.column = …`, `setattr(row, "column", …)` and `Model(column=…)`."""
    for node in nodes_of(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and node.attr in owned.columns:
            is_self = isinstance(node.value, ast.Name) and node.value.id == "self"
            if not is_self and not _works_with_others_alone(tree, node.attr, owned):
                yield Write(node.lineno, node.attr)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id == "setattr" and any(_text(argument) in owned.columns for argument in node.args):
                yield Write(node.lineno, "setattr")
            elif node.func.id == owned.model:
                yield from (Write(node.lineno, word.arg) for word in node.keywords if word.arg in owned.columns)


def _works_with_others_alone(tree: ast.Module, column: str, owned: Ownership) -> bool:
    """Whether the module names other models with such a column, and not the owned one."""
    models = {mapper.class_.__name__ for mapper in Base.registry.mappers if column in mapper.columns}
    named = _names(tree) & models
    return bool(named) and owned.model not in named


def _names(tree: ast.Module) -> set[str]:
    return {node.id for node in nodes_of(tree) if isinstance(node, ast.Name)} | {
        node.attr for node in nodes_of(tree) if isinstance(node, ast.Attribute)
    }


def _in_statements(tree: ast.Module, owned: Ownership) -> Iterator[Write]:
    """`update(Model).values(column=…)`, the same on its table, and any INSERT: it decides about a first state."""
    aliases = _aliases(tree, owned.model)
    written = _values_by_statement(tree)
    for node in nodes_of(tree):
        if not isinstance(node, ast.Call):
            continue
        verb = _verb(node, owned.model, aliases)
        if verb == "update":
            columns = written.get(id(node))
            if columns is None:
                yield Write(node.lineno, "update without readable values")
            else:
                yield from (Write(node.lineno, column) for column in columns & owned.columns)
        elif verb == "insert":
            yield Write(node.lineno, "insert")


def _verb(node: ast.Call, model: str, aliases: set[str]) -> str | None:
    """The verb, "update" or "insert", of a call that begins such a statement on the model."""
    if isinstance(node.func, ast.Attribute):
        if node.func.attr in ("update", "insert") and _is_table(node.func.value, model, aliases):
            return node.func.attr
        name = node.func.attr
    elif isinstance(node.func, ast.Name):
        name = node.func.id
    else:
        return None
    kind = {"update": "update", "insert": "insert", "insert_ignoring": "insert", "dialect_insert": "insert"}.get(name)
    return kind if kind and any(_is_table(argument, model, aliases) for argument in node.args) else None


def _aliases(tree: ast.Module, model: str) -> set[str]:
    """Names that the module gives to the model's table: `_batches = table_of(Batch)`."""
    found: set[str] = set()
    for node in nodes_of(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    pairs = list(zip(target.elts, node.value.elts, strict=False))
                else:
                    pairs = [(target, node.value)]
                found |= {a.id for a, b in pairs if isinstance(a, ast.Name) and _is_table(b, model, set())}
    return found


def _is_table(node: ast.AST, model: str, aliases: set[str]) -> bool:
    """Whether an expression is the model, or its table."""
    if isinstance(node, ast.Name):
        return node.id == model or node.id in aliases
    if isinstance(node, ast.Attribute):
        return node.attr == model or (node.attr == "__table__" and _is_table(node.value, model, aliases))
    return isinstance(node, ast.Call) and any(_is_table(argument, model, aliases) for argument in node.args)


def _values_by_statement(tree: ast.Module) -> dict[int, set[str]]:
    """By the call that begins a statement: the columns of its `.values(…)`, if all can be read."""
    found: dict[int, set[str]] = {}
    for node in nodes_of(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "values"):
            continue
        columns = {word.arg for word in node.keywords if word.arg}
        readable = all(word.arg for word in node.keywords)
        for argument in node.args:
            keys = argument.keys if isinstance(argument, ast.Dict) else [None]
            readable = readable and all(_column(key) for key in keys)
            columns |= {column for key in keys if (column := _column(key))}
        if readable:
            for part in ast.walk(node.func.value):
                found[id(part)] = found.get(id(part), set()) | columns
    return found


def _column(key: ast.AST | None) -> str | None:
    """The column that a key of a dictionary names: "state", or Batch.state."""
    return key.attr if isinstance(key, ast.Attribute) else _text(key) if key else None


def _in_sql(tree: ast.Module, owned: Ownership) -> Iterator[Write]:
    """UPDATE and INSERT as text."""
    statement = re.compile(rf"\b(UPDATE|INSERT\s+INTO)\s+{_table_of(owned)}\b", re.IGNORECASE)
    for node in nodes_of(tree):
        if (text := _text(node)) and statement.search(text):
            yield Write(getattr(node, "lineno", 0), "SQL")


@cache
def _table_of(owned: Ownership) -> str:
    (table,) = (str(m.local_table) for m in Base.registry.mappers if m.class_.__name__ == owned.model)
    return table


def _text(node: ast.AST | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def modules() -> list[str]:
    """Every module of the application but migrations, which change whole tables."""
    paths = [path for folder in ("newsletter", "workers") for path in (ROOT / folder).rglob("*.py")]
    names = [str(path.relative_to(ROOT)) for path in paths]
    return sorted(name for name in names if not name.startswith("newsletter/migrations/"))


@pytest.mark.parametrize("owned", OWNERS, ids=lambda owned: owned.model)
def test_only_its_owner_writes_a_state(owned: Ownership) -> None:
    found = {name: writes((ROOT / name).read_text(), owned) for name in modules() if not name.startswith(owned.owners)}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "source",
    [
        "batch.state = BatchState.DONE",
        "batch.attempt += 1",
        "batch.state, batch.note = BatchState.DONE, None",
        "setattr(batch, 'note', None)",
        "Batch(digest_id=1, outcomes=b'www')",
        "session.execute(update(Batch).where(Batch.id == 1).values(state='done'))",
        "session.execute(update(Batch).values({'state': 'done'}).execution_options(x=1))",
        "session.execute(update(Batch).values({Batch.state: 'done'}))",
        "session.execute(update(models.Batch).values(state='done'))",
        "session.execute(update(Batch).values(values))",
        "session.execute(update(Batch).values(**values))",
        "session.execute(update(Batch), [{'id': 1, 'state': 'done'}])",
        "_batches, _others = table_of(Batch), table_of(Edition)\nSTATEMENT = update(_batches).values(state='done')",
        "connection.execute(table_of(Batch).update().values(state='done'))",
        "connection.execute(Batch.__table__.update().values(state='done'))",
        "connection.execute(table_of(Batch).insert(), rows)",
        "insert_ignoring(session, Batch, rows)",
        "session.execute(text('update batches set state = 1'))",
        "def write(batch: Batch, post: WebhookDelivery) -> None:\n    batch.attempt = 2",
    ],
)
def test_every_way_to_write_a_column_is_found(source: str) -> None:
    assert writes(source, OWNERS[0])


@pytest.mark.parametrize(
    "source",
    [
        "state = batch.state",
        "self.outcomes = batch.outcomes",
        "found = select(Batch).where(Batch.state == BatchState.DONE)",
        "session.execute(update(Batch).values(first_id=1))",
        "def fail(post: WebhookDelivery) -> None:\n    post.attempt += 1",
        "session.execute(update(Digest).values(note='x'))",
        "log.info('the update of batches')",
    ],
)
def test_reading_and_other_tables_are_no_writes(source: str) -> None:
    assert writes(source, OWNERS[0]) == []
