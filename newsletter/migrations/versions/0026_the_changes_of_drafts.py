"""The changes of drafts, and deks for one digest"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "digest_changes",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("digest_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("about", sa.JSON(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.Column("digest_version", sa.Integer(), nullable=False),
        sa.Column("by_kind", sa.Text(), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_by_kind", sa.Text(), nullable=True),
        sa.Column("undone_by_id", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "by_kind IN ('reader', 'editor', 'visitor', 'operator', 'clock', 'worker', 'provider')",
            name=op.f("ck_digest_changes_by_kind"),
        ),
        sa.CheckConstraint(
            "kind IN ('added', 'dropped', 'put_back', 'moved', 'dek', 'refreshed', 'chosen', 'texts')",
            name=op.f("ck_digest_changes_kind"),
        ),
        sa.CheckConstraint(
            "undone_by_kind IN ('reader', 'editor', 'visitor', 'operator', 'clock', 'worker', 'provider')",
            name=op.f("ck_digest_changes_undone_by_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["digest_id"], ["digests.id"], name=op.f("fk_digest_changes_digest_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_digest_changes")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_digest_changes_version", "digest_changes", ["digest_id", "digest_version"])
    with op.batch_alter_table("digest_articles", schema=None) as batch_op:
        batch_op.add_column(sa.Column("own_dek", sa.Text(), server_default=sa.text("''"), nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("digest_articles", schema=None) as batch_op:
        batch_op.drop_column("own_dek")

    op.drop_index("ix_digest_changes_version", "digest_changes")
    op.drop_table("digest_changes")
