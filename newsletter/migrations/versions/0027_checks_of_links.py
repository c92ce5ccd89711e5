"""Checks of the links of digests"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

WANTED = sa.text("wanted_at IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "link_checks",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("url_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("wanted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "failure IN ('address', 'port', 'own_host', 'not_public', 'unknown_host', 'unresolved', 'no_connection', "
            "'certificate', 'timeout', 'no_http', 'too_large', 'redirects')",
            name=op.f("ck_link_checks_failure"),
        ),
        sa.CheckConstraint("verdict IN ('works', 'broken', 'unknown')", name=op.f("ck_link_checks_verdict")),
        sa.CheckConstraint("(verdict IS NULL) = (checked_at IS NULL)", name=op.f("ck_link_checks_checked")),
        sa.CheckConstraint("(verdict IS NULL) = (since IS NULL)", name=op.f("ck_link_checks_since")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link_checks")),
        sa.UniqueConstraint("url_hash", name=op.f("uq_link_checks_url_hash")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_link_checks_wanted", "link_checks", ["wanted_at", "id"], sqlite_where=WANTED, postgresql_where=WANTED
    )


def downgrade() -> None:
    op.drop_table("link_checks")
