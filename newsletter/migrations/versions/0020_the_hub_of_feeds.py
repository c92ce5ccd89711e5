"""The state of the feeds of which the hub was told"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("public_content", sa.Column("hub_told", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("public_content", "hub_told")
