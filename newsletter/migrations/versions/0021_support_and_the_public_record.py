"""Support, tracking of requests, and the public record"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

PUBLIC = sa.text("words IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "monthly_figures",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("readers", sa.BigInteger(), nullable=True),
        sa.Column("bounced", sa.BigInteger(), nullable=False),
        sa.Column("complained", sa.BigInteger(), nullable=False),
        sa.Column("unsubscribed", sa.BigInteger(), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("month", name=op.f("pk_monthly_figures")),
    )
    op.create_table(
        "support_costs",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("exponent", sa.Integer(), nullable=False),
        sa.Column("minor_units", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_support_costs")),
        sa.UniqueConstraint("name", "month", name=op.f("uq_support_costs_name")),
    )
    op.create_table(
        "support_goals",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("exponent", sa.Integer(), nullable=False),
        sa.Column("minor_units", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("month", name=op.f("pk_support_goals")),
    )
    op.create_table(
        "support_payments",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("message_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("transaction_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("exponent", sa.Integer(), nullable=False),
        sa.Column("minor_units", sa.BigInteger(), nullable=False),
        sa.Column("is_public", sa.Boolean(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column("hidden_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind IN ('donation', 'subscription', 'commission', 'shop_order', 'other')",
            name=op.f("ck_support_payments_kind"),
        ),
        sa.CheckConstraint(
            "is_public OR (name IS NULL AND words IS NULL AND hidden_at IS NULL)",
            name=op.f("ck_support_payments_private"),
        ),
        sa.CheckConstraint("minor_units >= 0", name=op.f("ck_support_payments_minor_units")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_support_payments")),
        sa.UniqueConstraint("message_hash", name=op.f("uq_support_payments_message_hash")),
        sa.UniqueConstraint("transaction_hash", name=op.f("uq_support_payments_transaction_hash")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_support_payments_day", "support_payments", ["day", "currency"])
    op.create_index(
        "ix_support_payments_words", "support_payments", ["day", "id"], sqlite_where=PUBLIC, postgresql_where=PUBLIC
    )
    op.create_table(
        "support_refused_posts",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "reason IN ('too_large', 'unreadable', 'forged', 'amount')", name=op.f("ck_support_refused_posts_reason")
        ),
        sa.PrimaryKeyConstraint("day", "reason", name=op.f("pk_support_refused_posts")),
    )
    op.create_table(
        "digest_tallies",
        sa.Column("digest_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("recipients", sa.BigInteger(), nullable=False),
        sa.Column("accepted", sa.BigInteger(), nullable=False),
        sa.Column("in_doubt", sa.BigInteger(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("tracking_off", sa.BigInteger(), nullable=False),
        sa.Column("tracking_not_offered", sa.BigInteger(), nullable=False),
        sa.Column("edition_id", sa.BigInteger(), nullable=True),
        sa.Column("edition_readers", sa.BigInteger(), nullable=False),
        sa.Column("edition_copy", sa.LargeBinary(), nullable=True),
        sa.Column("tallied_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["digest_id"], ["digests.id"], name=op.f("fk_digest_tallies_digest_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("digest_id", name=op.f("pk_digest_tallies")),
    )
    # Without a constraint: SQLite would make the ledger's largest table anew for it.
    op.add_column("batches", sa.Column("tracking", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("batches", "tracking")
    for table in (
        "digest_tallies",
        "support_refused_posts",
        "support_payments",
        "support_goals",
        "support_costs",
        "monthly_figures",
    ):
        op.drop_table(table)
