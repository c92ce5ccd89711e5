"""Each frozen digest has a name, the end of its permanent address

The clock lists those that went out: it looks into the ledger, and lets the search find them.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC

import sqlalchemy as sa
from alembic import op

from newsletter.core.config import from_environment

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("digests", sa.Column("letter_name", sa.Text(), nullable=True))
    op.add_column("digests", sa.Column("letter_since", sa.DateTime(timezone=True), nullable=True))
    _name_letters()
    # An index and no constraint: SQLite adds it in place, and keeps the ids that deleted digests had.
    op.create_index("uq_digests_letter_name", "digests", ["letter_name"], unique=True)
    op.create_index("ix_digests_letters", "digests", ["letter_since", "id", "letter_name"])


def _name_letters() -> None:
    """Name the digests that are frozen, in the order of their times."""
    connection = op.get_bind()
    digests = sa.Table("digests", sa.MetaData(), autoload_with=connection)
    zone = from_environment().timezone
    time = sa.func.coalesce(digests.c.scheduled_at, digests.c.frozen_at).label("time")
    frozen = connection.execute(
        sa.select(digests.c.id, digests.c.cadence, sa.type_coerce(time, sa.DateTime(timezone=True)))
        .where(digests.c.frozen_at.is_not(None))
        .order_by(time, digests.c.id)
    ).all()
    numbers = Counter[str]()
    for digest_id, cadence, stored in frozen:
        at = stored if stored.tzinfo else stored.replace(tzinfo=UTC)  # SQLite keeps no zone
        first = f"{at.astimezone(zone).date().isoformat()}-{cadence}"
        numbers[first] += 1
        name = first if numbers[first] == 1 else f"{first}-{numbers[first]}"
        connection.execute(digests.update().where(digests.c.id == digest_id).values(letter_name=name))


def downgrade() -> None:
    op.drop_index("ix_digests_letters", table_name="digests")
    op.drop_index("uq_digests_letter_name", table_name="digests")
    with op.batch_alter_table("digests", table_kwargs={"sqlite_autoincrement": True}) as batch_op:
        for name in ("letter_since", "letter_name"):
            batch_op.drop_column(name)
