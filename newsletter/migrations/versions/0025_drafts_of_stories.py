"""Drafts of stories"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "article_drafts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("article_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("base_number", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("is_page", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("begun_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("begun_with", sa.Text(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("saved_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("saved_with", sa.Text(), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["article_id"], ["articles.id"], name=op.f("fk_article_drafts_article_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["begun_by"], ["staff_members.id"], name=op.f("fk_article_drafts_begun_by")),
        sa.ForeignKeyConstraint(["saved_by"], ["staff_members.id"], name=op.f("fk_article_drafts_saved_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_article_drafts")),
        sa.UniqueConstraint("article_id", name=op.f("uq_article_drafts_article_id")),
        sa.UniqueConstraint("begun_with", name=op.f("uq_article_drafts_begun_with")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_article_drafts_saved", "article_drafts", ["saved_at", "id"])


def downgrade() -> None:
    op.drop_table("article_drafts")
