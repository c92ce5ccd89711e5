"""The language of a story; that of the present ones is the publication's"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("revisions", sa.Column("language", sa.Text(), server_default="en", nullable=False))


def downgrade() -> None:
    op.drop_column("revisions", "language")
