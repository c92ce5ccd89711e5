"""Answers that paused a digest"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("batches", sa.Column("pausing_answers", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("batches", "pausing_answers")
