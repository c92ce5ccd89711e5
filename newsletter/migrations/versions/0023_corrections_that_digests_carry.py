"""Corrections that digests carry, and digests that are corrections"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
CADENCES = "cadence IN ('daily', 'weekly', 'monthly', 'breaking'{})"


def upgrade() -> None:
    _allow(", 'correction'")
    op.create_table(
        "digest_corrections",
        sa.Column("id", ID, nullable=False),
        sa.Column("digest_id", ID, nullable=False),
        sa.Column("bit", sa.Integer(), nullable=False),
        sa.Column("revision_id", ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["digest_id"], ["digests.id"], name=op.f("fk_digest_corrections_digest_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["revision_id"], ["revisions.id"], name=op.f("fk_digest_corrections_revision_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_digest_corrections")),
        sa.UniqueConstraint("digest_id", "bit", name=op.f("uq_digest_corrections_digest_id")),
        sa.UniqueConstraint("revision_id", "digest_id", name=op.f("uq_digest_corrections_revision_id")),
    )


def downgrade() -> None:
    """Digests that are corrections go: the version before knows none."""
    op.drop_table("digest_corrections")
    op.execute(sa.text("DELETE FROM digests WHERE cadence = 'correction'"))
    _allow("")


def _allow(more: str) -> None:
    # SQLite makes the table anew, and forgets AUTOINCREMENT unless it is told.
    with op.batch_alter_table("digests", table_kwargs={"sqlite_autoincrement": True}) as batch_op:
        batch_op.drop_constraint(op.f("ck_digests_cadence"), type_="check")
        batch_op.create_check_constraint(op.f("ck_digests_cadence"), CADENCES.format(more))
