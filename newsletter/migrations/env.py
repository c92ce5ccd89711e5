"""How Alembic sees the models. Every room that has tables is imported here, so that none is forgotten."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context

from newsletter.core.db import UtcDateTime
from newsletter.migrations.tables import metadata


def render(kind: str, value: Any, _context: Any) -> str | Literal[False]:
    """Migrations speak SQLAlchemy's own types: they must still run when ours have changed."""
    if kind == "type" and isinstance(value, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_item=render,
    render_as_batch=True,
    transaction_per_migration=False,
)
context.run_migrations()
