"""The witness of a restored backup and of a host with another key"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("clock_ticks") as batch_op:
        batch_op.add_column(sa.Column("known_batch", sa.BigInteger(), server_default="0", nullable=False))
    op.create_table(
        "key_fingerprints",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_key_fingerprints")),
    )


def downgrade() -> None:
    op.drop_table("key_fingerprints")
    with op.batch_alter_table("clock_ticks") as batch_op:
        batch_op.drop_column("known_batch")
