"""Indexes of lists"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

OF_CURRENT = {
    "ix_revisions_list": ["date", "article_id"],
    "ix_revisions_digest": ["date", "trust", "article_id"],
    "ix_revisions_section": ["section", "date", "article_id"],
}
"""Indexes over newest revisions."""


def upgrade() -> None:
    op.drop_index("ix_digests_status", table_name="digests")
    op.create_index("ix_digests_status", "digests", ["status", "sent_at", "id"])
    for name, columns in OF_CURRENT.items():
        op.create_index(
            name,
            "revisions",
            columns,
            sqlite_where=sa.text("is_current = 1"),
            postgresql_where=sa.text("is_current"),
        )
    op.create_index("ix_revisions_title", "revisions", ["title"], postgresql_using="hash")


def downgrade() -> None:
    for name in ("ix_revisions_title", *OF_CURRENT):
        op.drop_index(name, table_name="revisions")
    op.drop_index("ix_digests_status", table_name="digests")
    op.create_index("ix_digests_status", "digests", ["status"])
