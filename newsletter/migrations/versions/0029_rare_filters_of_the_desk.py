"""Rare filters of the desk's list of stories (corrected ones, one label of hype), and the last digest of a cadence"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

CORRECTED, HYPE, FROZEN = "ix_revisions_corrected", "ix_revisions_hype", "ix_digests_frozen"


def upgrade() -> None:
    op.add_column("revisions", sa.Column("was_corrected", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.execute(
        "UPDATE revisions SET was_corrected = true WHERE EXISTS (SELECT 1 FROM revisions AS earlier WHERE "
        "earlier.article_id = revisions.article_id AND earlier.number <= revisions.number "
        "AND earlier.kind IN ('correction', 'withdrawal'))"
    )
    op.create_index(
        CORRECTED,
        "revisions",
        ["date", "article_id", "kind"],
        sqlite_where=sa.text("is_current = 1 AND was_corrected = 1"),
        postgresql_where=sa.text("is_current AND was_corrected"),
    )
    op.create_index(
        HYPE,
        "revisions",
        ["hype", "date", "article_id"],
        sqlite_where=sa.text("is_current = 1"),
        postgresql_where=sa.text("is_current"),
    )
    is_frozen = sa.text("frozen_at IS NOT NULL")
    op.create_index(
        FROZEN, "digests", ["cadence", "frozen_at", "id"], sqlite_where=is_frozen, postgresql_where=is_frozen
    )


def downgrade() -> None:
    op.drop_index(FROZEN, table_name="digests")
    op.drop_index(HYPE, table_name="revisions")
    op.drop_index(CORRECTED, table_name="revisions")
    op.drop_column("revisions", "was_corrected")
