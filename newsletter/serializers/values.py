"""Values and rows as JSON has them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from newsletter.core.db import Base, table_of


def json_value(value: Any) -> Any:
    """Times and dates in ISO 8601, bytes as hexadecimal digits; other values are JSON already."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else value


def json_object(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by their names."""
    return {name: json_value(value) for name, value in values.items()}


def row_json(row: Base) -> dict[str, Any]:
    """All columns of a row by their names."""
    return json_object({column.name: getattr(row, column.name) for column in table_of(type(row)).columns})
