"""An index of corrections"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

CORRECTING = sa.text("kind IN ('correction', 'withdrawal')")


def upgrade() -> None:
    op.create_index(
        "ix_revisions_corrections",
        "revisions",
        ["published_at", "id"],
        sqlite_where=CORRECTING,
        postgresql_where=CORRECTING,
    )


def downgrade() -> None:
    op.drop_index("ix_revisions_corrections", table_name="revisions")
