"""Indexes with options of a dialect, such as `postgresql_where`.

SQLAlchemy loads a dialect with the modules of all its drivers for each option: PostgreSQL's are 2 MB and 30 ms of a
start on SQLite (measured). Only migrations read options, so an index keeps them until `apply_options`.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, MetaData

_OPTIONS = "dialect_options"


def dialect_index(name: str, *columns: str, unique: bool = False, **options: Any) -> Index:
    """An index whose `options` are named as SQLAlchemy's `Index` takes them."""
    return Index(name, *columns, unique=unique, info={_OPTIONS: options})


def apply_options(metadata: MetaData) -> None:
    """Give the dialects their options, for Alembic."""
    for table in metadata.tables.values():
        for index in table.indexes:
            index.dialect_kwargs.update(index.info.get(_OPTIONS, {}))
