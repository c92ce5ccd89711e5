"""The words of the search indexes, as SQLite lists them

A search for the beginning of a word asks for them (`core.search.fts5_query`). The tables hold nothing of their own.
"""

from __future__ import annotations

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

INDEXES = ("article_search", "digest_search")


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table in INDEXES:
            op.execute(f"CREATE VIRTUAL TABLE {table}_words USING fts5vocab({table}, row)")


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table in INDEXES:
            op.execute(f"DROP TABLE {table}_words")
