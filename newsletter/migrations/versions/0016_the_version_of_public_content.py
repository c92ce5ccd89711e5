"""The version of public content"""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    table = op.create_table(
        "public_content",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_public_content_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_public_content")),
    )
    op.bulk_insert(table, [{"id": 1, "version": 1, "namespace": str(uuid.uuid4())}])


def downgrade() -> None:
    op.drop_table("public_content")
