"""Past subscriptions"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

ENDED = sa.text("ended_at IS NOT NULL")
STATUSES = "'pending', 'active', 'unsubscribed', 'bounced', 'complained'"


def upgrade() -> None:
    op.create_table(
        "past_subscriptions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("ended_as", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("consents", sa.JSON(), nullable=True),
        sa.CheckConstraint(f"ended_as IN ({STATUSES})", name=op.f("ck_past_subscriptions_ended_as")),
        sa.CheckConstraint(
            "reason IN ('often', 'content', 'trust', 'other')", name=op.f("ck_past_subscriptions_reason")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_past_subscriptions")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_past_subscriptions_token_hash")),
    )
    op.create_index(op.f("ix_past_subscriptions_key_hash"), "past_subscriptions", ["key_hash"])
    op.add_column("subscribers", sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_subscribers_ended", "subscribers", ["ended_at"], sqlite_where=ENDED, postgresql_where=ENDED)
    _fill_ended_at()


def downgrade() -> None:
    op.drop_index("ix_subscribers_ended", "subscribers")
    op.drop_column("subscribers", "ended_at")
    op.drop_table("past_subscriptions")


def _fill_ended_at() -> None:
    """The time of the unsubscription or of the last report; where there is neither, the time of this migration."""
    subscribers = sa.table(
        "subscribers",
        sa.column("id", sa.BigInteger),
        sa.column("status", sa.Text),
        sa.column("unsubscribed_at", sa.DateTime(timezone=True)),
        sa.column("ended_at", sa.DateTime(timezone=True)),
    )
    events = sa.table(
        "events", sa.column("subscriber_id", sa.BigInteger), sa.column("occurred_at", sa.DateTime(timezone=True))
    )
    reported_at = (
        sa.select(sa.func.max(events.c.occurred_at)).where(events.c.subscriber_id == subscribers.c.id).scalar_subquery()
    )
    now = sa.literal(datetime.now(UTC), sa.DateTime(timezone=True))
    op.execute(
        sa.update(subscribers)
        .where(subscribers.c.status.in_(["unsubscribed", "bounced", "complained"]))
        .values(ended_at=sa.func.coalesce(subscribers.c.unsubscribed_at, reported_at, now))
    )
