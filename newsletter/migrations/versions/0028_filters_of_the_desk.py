"""Filters of the desk's list of stories in the index that gives its order"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

NAME = "ix_revisions_list"


def upgrade() -> None:
    _replace(["date", "article_id", "trust", "hype", "kind"])


def downgrade() -> None:
    _replace(["date", "article_id"])


def _replace(columns: list[str]) -> None:
    op.drop_index(NAME, table_name="revisions")
    op.create_index(
        NAME,
        "revisions",
        columns,
        sqlite_where=sa.text("is_current = 1"),
        postgresql_where=sa.text("is_current"),
    )
