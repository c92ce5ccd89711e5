"""Alembic's environment: how it sees the models."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context

from newsletter.core.db import EnumText, UtcDateTime
from newsletter.migrations.tables import is_of_models, metadata


def render(kind: str, value: Any, _context: Any) -> str | Literal[False]:
    """Write our own types as SQLAlchemy's: a migration must still run when ours have changed."""
    if kind == "type" and isinstance(value, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(value, EnumText):
        return "sa.Text()"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    include_name=is_of_models,
    render_item=render,
    render_as_batch=True,
    transaction_per_migration=False,
)
context.run_migrations()
