"""The lead of a digest, the trust that it needs, and the lead that each text was written for

For older digests it is not known which lead their texts were written for.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Columns without a table constraint: SQLite adds them in place, and keeps the ids that deleted digests had.
    id_type = "INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"
    op.execute(
        f"ALTER TABLE digests ADD COLUMN lead_id {id_type} CONSTRAINT fk_digests_lead_id REFERENCES articles (id)"
    )
    op.add_column("digests", sa.Column("min_trust", sa.Integer(), server_default="0", nullable=False))
    op.add_column("digests", sa.Column("intro_with_lead", sa.Boolean(), server_default="0", nullable=False))
    op.add_column("digests", sa.Column("written_for", sa.JSON(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("digests", table_kwargs={"sqlite_autoincrement": True}) as batch_op:
        for name in ("written_for", "intro_with_lead", "min_trust", "lead_id"):
            batch_op.drop_column(name)
