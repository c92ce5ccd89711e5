"""Events can be withdrawn, and the reports behind them are kept for a while"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stored_reports",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("subscriber_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("dedupe_key", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('bounced', 'soft_bounced', 'blocked', 'complained', 'unsubscribed', 'dropped')",
            name=op.f("ck_stored_reports_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscribers.id"], name=op.f("fk_stored_reports_subscriber_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stored_reports")),
        sa.UniqueConstraint("subscriber_id", "kind", "dedupe_key", name=op.f("uq_stored_reports_subscriber_id")),
    )
    with op.batch_alter_table("stored_reports", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_stored_reports_received_at"), ["received_at"], unique=False)

    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.add_column(sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True))

    with op.batch_alter_table("refusals", schema=None) as batch_op:
        batch_op.create_index(
            "ix_refusals_mailbox",
            ["subscriber_id"],
            unique=False,
            sqlite_where=sa.text("about = 'mailbox'"),
            postgresql_where=sa.text("about = 'mailbox'"),
        )


def downgrade() -> None:
    with op.batch_alter_table("refusals", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_refusals_mailbox",
            sqlite_where=sa.text("about = 'mailbox'"),
            postgresql_where=sa.text("about = 'mailbox'"),
        )

    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.drop_column("withdrawn_at")

    with op.batch_alter_table("stored_reports", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_stored_reports_received_at"))

    op.drop_table("stored_reports")
