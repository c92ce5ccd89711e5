"""Refusals say what they are about: the mailbox, the moment, or us"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("refusals") as batch_op:
        # What older refusals were about is not known: none of them counts against a mailbox.
        batch_op.add_column(sa.Column("about", sa.Text(), server_default="moment", nullable=False))
        batch_op.create_check_constraint(op.f("ck_refusals_about"), "about IN ('mailbox', 'moment', 'us')")


def downgrade() -> None:
    with op.batch_alter_table("refusals") as batch_op:
        batch_op.drop_constraint(op.f("ck_refusals_about"), type_="check")
        batch_op.drop_column("about")
