"""Identity in lower case: letters that merely resemble each other ("ſ" and "s") make two addresses

Only addresses with other letters than ASCII change. The rules are copied, so that this step stays what it was.
"""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

log = logging.getLogger(__name__)

TABLES = ("subscribers", "address_changes", "signup_requests")
_BYTES = {"sqlite": "length(CAST(address AS BLOB))", "postgresql": "octet_length(address)"}


def upgrade() -> None:
    for name in TABLES:
        _write_keys(name, _lower_case)


def downgrade() -> None:
    for name in TABLES:
        _write_keys(name, str.casefold)


def _lower_case(local: str) -> str:
    return _nfc(local).lower()


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _write_keys(name: str, fold: Callable[[str], str]) -> None:
    """Write the keys anew. A subscriber whose key is another's keeps the old one, and is reported by number."""
    connection = op.get_bind()
    table = sa.table(name, sa.column("id"), sa.column("address"), sa.column("address_key"))
    longer = sa.text(f"{_BYTES[connection.dialect.name]} > length(address)")
    for number, address, old_key in connection.execute(sa.select(table).where(longer).order_by(table.c.id)).all():
        local, _, domain = address.rpartition("@")
        key = f"{_nfc(fold(local))}@{domain.lower()}"
        if key == old_key:
            continue
        other = sa.select(table.c.id).where(table.c.address_key == key)
        if name == "subscribers" and (taken_by := connection.scalar(other)) is not None:
            log.warning("subscriber %d keeps the old key: subscriber %d has the same address", number, taken_by)
            continue
        connection.execute(sa.update(table).where(table.c.id == number).values(address_key=key))
