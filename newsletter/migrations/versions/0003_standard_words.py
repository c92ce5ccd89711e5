"""Standard words: tables, columns and statuses are renamed, words are checked by the database, digests get a version

SQLite knows no ALTER TABLE for constraints, so each table is made anew and filled from the old one, as its manual
describes (https://www.sqlite.org/lang_altertable.html#otheralter); `newsletter.migrations.upgrade` switches foreign
keys off meanwhile. PostgreSQL alters the tables in place.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_BECAME_UNSUBSCRIBED = "CASE {0} WHEN 'left' THEN 'unsubscribed' ELSE {0} END"


class _Renamed(NamedTuple):
    """A table's old name, its columns that had another name, and SQL for those whose values change."""

    old_name: str
    old_columns: dict[str, str] = {}  # noqa: RUF012 - never changed
    values: dict[str, str] = {}  # noqa: RUF012


_TABLES = {
    "digests": _Renamed("digests", {"provider_schedule": "exact"}, {"version": "1"}),
    "subscribers": _Renamed(
        "subscribers",
        {
            "confirmation_sent_at": "asked_at",
            "confirmations_sent": "asked_times",
            "unsubscribed_at": "left_at",
            "unsubscribe_reason": "left_reason",
        },
        {"status": _BECAME_UNSUBSCRIBED.format("status")},
    ),
    "suppressions": _Renamed("suppressions", values={"reason": _BECAME_UNSUBSCRIBED.format("reason")}),
    "unsuppressions": _Renamed(
        "lifted_suppressions", {"unsuppressed_at": "lifted_at"}, {"reason": _BECAME_UNSUBSCRIBED.format("reason")}
    ),
    "signup_requests": _Renamed("signup_requests", {"preferences": "choices", "requested_at": "asked_at"}),
    "consents": _Renamed("consents", {"requested_at": "asked_at"}),
    "address_changes": _Renamed(
        "address_changes", {"requested_at": "asked_at", "requests": "asked_times", "changed_at": "moved_at"}
    ),
    "one_time_links": _Renamed(
        "fresh_links", {"purpose": "kind", "requested_at": "asked_at", "requests": "asked_times"}
    ),
    "editions": _Renamed("editions"),
    "rendered_digests": _Renamed("mailings", {"content": "letter"}),
    "batches": _Renamed(
        "batches",
        {
            "provider_batch_id": "handover",
            "resent_attempt": "disowned",
            "attempted_at": "tried_at",
            "mailed_twice": "twice",
        },
    ),
    "acceptance_proofs": _Renamed("taken_batches"),
    "events": _Renamed("events", {"dedupe_key": "occasion"}),
    "webhook_deliveries": _Renamed("event_posts"),
    "clock_ticks": _Renamed("turns", {"ticked_at": "turned_at"}),
    "outgoing_mail": _Renamed("outgoing_mail", values={"subscriber_id": "NULL"}),
}

_CHECKS: dict[str, dict[str, tuple[str, ...]]] = {
    "digests": {
        "cadence": ("daily", "weekly", "monthly", "breaking"),
        "status": ("draft", "scheduled", "sending", "paused", "sent", "cancelled"),
        "paused_reason": ("editor", "overdue", "error", "restored"),
    },
    "subscribers": {
        "status": ("pending", "active", "unsubscribed", "bounced", "complained"),
        "cadence": ("daily", "weekly", "monthly"),
        "format": ("html", "text"),
        "unsubscribe_reason": ("often", "content", "trust", "other"),
    },
    "suppressions": {"reason": ("unsubscribed", "erased", "bounced", "complained")},
    "unsuppressions": {"reason": ("unsubscribed", "erased", "bounced", "complained")},
    "one_time_links": {"purpose": ("data", "address")},
    "editions": {"format": ("html", "text")},
    "batches": {"state": ("ready", "claimed", "sending", "done", "in_doubt")},
    "events": {"kind": ("bounced", "soft_bounced", "blocked", "complained", "unsubscribed", "dropped")},
}


def upgrade() -> None:
    if op.get_context().dialect.name == "sqlite":
        _make_anew()
    else:
        _alter()
    op.add_column("import_progress", sa.Column("noted", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    _move_subscribers_out_of_payloads()
    _rename_in_webhook_deliveries()


def downgrade() -> None:
    raise RuntimeError("There is no way back from 0003: restore the backup that was made before the upgrade.")


def _checks(table: str) -> dict[str, str]:
    """The conditions of a table's columns of fixed words, by column."""
    return {
        column: f"{column} IN ({', '.join(repr(word) for word in words)})"
        for column, words in _CHECKS.get(table, {}).items()
    }


def _make_anew() -> None:
    """SQLite."""
    connection = op.get_bind()
    for name, renamed in _TABLES.items():
        old_columns, values = renamed.old_columns, renamed.values
        old = sa.Table(renamed.old_name, sa.MetaData(), autoload_with=connection)
        old_sql = connection.scalar(
            sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :name"), {"name": renamed.old_name}
        )
        highest = None
        if "AUTOINCREMENT" in old_sql:
            highest = connection.scalar(
                sa.text("SELECT seq FROM sqlite_sequence WHERE name = :name"), {"name": renamed.old_name}
            )
        new = _new_table(name)
        # A name of its own while the old table is there; constraints already have their final names.
        new_sql = str(sa.schema.CreateTable(new).compile(dialect=connection.dialect))
        connection.exec_driver_sql(new_sql.replace(f"CREATE TABLE {name} (", "CREATE TABLE _made_anew (", 1))
        columns = [column.name for column in new.columns]
        sources = ", ".join(values.get(column, f'"{old_columns.get(column, column)}"') for column in columns)
        targets = ", ".join(f'"{column}"' for column in columns)
        connection.exec_driver_sql(f'INSERT INTO _made_anew ({targets}) SELECT {sources} FROM "{old.name}"')  # noqa: S608
        connection.exec_driver_sql(f'DROP TABLE "{old.name}"')
        connection.exec_driver_sql(f'ALTER TABLE _made_anew RENAME TO "{name}"')
        if highest is not None:  # or the ids of rows that were deleted would be given again
            connection.exec_driver_sql(f"DELETE FROM sqlite_sequence WHERE name = '{name}'")  # noqa: S608
            connection.exec_driver_sql(f"INSERT INTO sqlite_sequence (name, seq) VALUES ('{name}', {int(highest)})")  # noqa: S608
        for index in new.indexes:
            index.create(connection)


def _alter() -> None:
    """PostgreSQL."""
    for name, renamed in _TABLES.items():
        if renamed.old_name != name:
            op.rename_table(renamed.old_name, name)
            _rename_what_hangs_on(renamed.old_name, name)
        for new_column, old_column in renamed.old_columns.items():
            op.alter_column(name, old_column, new_column_name=new_column)
    op.add_column("digests", sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False))
    op.add_column("outgoing_mail", sa.Column("subscriber_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(
        "fk_outgoing_mail_subscriber_id",
        "outgoing_mail",
        "subscribers",
        ["subscriber_id"],
        ["id"],
        ondelete="CASCADE",
    )
    op.create_index("ix_outgoing_mail_subscriber_id", "outgoing_mail", ["subscriber_id"])
    op.execute("UPDATE subscribers SET status = 'unsubscribed' WHERE status = 'left'")
    for table in ("suppressions", "unsuppressions"):
        op.execute(f"UPDATE {table} SET reason = 'unsubscribed' WHERE reason = 'left'")  # noqa: S608
    for table in _CHECKS:
        for column, condition in _checks(table).items():
            op.create_check_constraint(op.f(f"ck_{table}_{column}"), table, condition)


def _rename_what_hangs_on(old: str, new: str) -> None:
    """Constraints, indexes and the sequence that are named after a table."""
    connection = op.get_bind()
    constraints = connection.scalars(
        sa.text("SELECT conname FROM pg_constraint WHERE conrelid = CAST(:name AS regclass) AND contype <> 'n'"),
        {"name": new},
    ).all()
    for constraint in constraints:
        if old in constraint:
            op.execute(f'ALTER TABLE {new} RENAME CONSTRAINT "{constraint}" TO "{constraint.replace(old, new)}"')
    indexes = connection.scalars(sa.text("SELECT indexname FROM pg_indexes WHERE tablename = :name"), {"name": new})
    for index in indexes.all():
        if old in index:
            op.execute(f'ALTER INDEX "{index}" RENAME TO "{index.replace(old, new)}"')
    op.execute(f'ALTER SEQUENCE IF EXISTS "{old}_id_seq" RENAME TO "{new}_id_seq"')


def _move_subscribers_out_of_payloads() -> None:
    """`{"subscriber": 17, …}` becomes a column; times and kinds in payloads get their new names."""
    connection = op.get_bind()
    mails = sa.table(
        "outgoing_mail",
        sa.column("id", sa.Integer),
        sa.column("kind", sa.Text),
        sa.column("subscriber_id", sa.Integer),
        sa.column("payload", sa.JSON),
    )
    subscribers = sa.table("subscribers", sa.column("id", sa.Integer))
    for row in connection.execute(sa.select(mails)).all():
        payload = dict(row.payload)
        subscriber_id = payload.pop("subscriber", None)
        found = sa.select(subscribers.c.id).where(subscribers.c.id == subscriber_id)
        if subscriber_id is not None and connection.scalar(found) is None:  # no mail would come of it any more
            connection.execute(sa.delete(mails).where(mails.c.id == row.id))
            continue
        kind, payload = _new_payload(row.kind, payload)
        connection.execute(
            sa.update(mails).where(mails.c.id == row.id).values(kind=kind, subscriber_id=subscriber_id, payload=payload)
        )


def _new_payload(kind: str, payload: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    if kind == "fresh_link":
        return "one_time_link", {"purpose": payload["kind"]}
    if kind == "old_address":
        return kind, {"changed_at": payload["moved_at"]}
    if kind == "erased":
        return kind, {"also": [], "mailed": True, "format": "html", **payload}
    return {"already": "already_subscribed"}.get(kind, kind), {"requested_at": payload["asked_at"]}


def _rename_in_webhook_deliveries() -> None:
    connection = op.get_bind()
    deliveries = sa.table("webhook_deliveries", sa.column("id", sa.Integer), sa.column("payload", sa.JSON))
    for row in connection.execute(sa.select(deliveries)).all():
        if row.payload is not None:
            changed = {"acceptances": row.payload["taken"], "events": row.payload["events"]}
            connection.execute(sa.update(deliveries).where(deliveries.c.id == row.id).values(payload=changed))


_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)


def _new_table(name: str) -> sa.Table:
    """The table `name` as this migration leaves it."""
    metadata = sa.MetaData()
    for parent in ("digests", "subscribers", "editions", "batches"):
        if parent != name:  # what foreign keys point at
            sa.Table(parent, metadata, sa.Column("id", _ID, primary_key=True))
    checks = [sa.CheckConstraint(condition, name=f"ck_{name}_{column}") for column, condition in _checks(name).items()]
    parts, autoincrement = _parts(name)
    return sa.Table(name, metadata, *parts, *checks, sqlite_autoincrement=autoincrement)


def _parts(name: str) -> tuple[list[Any], bool]:
    """Columns, keys and indexes of a table, and whether its ids are never given twice."""
    return {
        "digests": _digests,
        "subscribers": _subscribers,
        "suppressions": _suppressions,
        "unsuppressions": _unsuppressions,
        "signup_requests": _signup_requests,
        "consents": _consents,
        "address_changes": _address_changes,
        "one_time_links": _one_time_links,
        "editions": _editions,
        "rendered_digests": _rendered_digests,
        "batches": _batches,
        "acceptance_proofs": _acceptance_proofs,
        "events": _events,
        "webhook_deliveries": _webhook_deliveries,
        "clock_ticks": _clock_ticks,
        "outgoing_mail": _outgoing_mail,
    }[name]()


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=f"pk_{table}")


def _points_at(table: str, column: str, parent: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{parent}.id"], name=f"fk_{table}_{column}", ondelete="CASCADE")


def _id() -> sa.Column[int]:
    return sa.Column("id", _ID, nullable=False)


def _reference(column: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(column, _ID, nullable=nullable)


def _text(column: str, *, nullable: bool = False, default: str | None = None) -> sa.Column[str]:
    server_default = sa.text(f"'{default}'") if default else None
    return sa.Column(column, sa.Text(), server_default=server_default, nullable=nullable)


def _time(column: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(column, _TIME, nullable=nullable)


def _number(column: str, *, nullable: bool = False, default: str | None = None) -> sa.Column[int]:
    return sa.Column(column, sa.Integer(), server_default=sa.text(default) if default else None, nullable=nullable)


def _digests() -> tuple[list[Any], bool]:
    return [
        _id(),
        _text("cadence"),
        _text("status"),
        _number("version", default="1"),
        _text("paused_reason", nullable=True),
        _text("paused_note", nullable=True),
        _text("subject"),
        _text("preheader"),
        _text("intro"),
        _time("created_at"),
        _time("scheduled_at", nullable=True),
        sa.Column("provider_schedule", sa.Boolean(), nullable=False),
        _time("frozen_at", nullable=True),
        _time("sent_at", nullable=True),
        _key("digests", "id"),
        sa.Index("ix_digests_status", "status"),
    ], True


def _subscribers() -> tuple[list[Any], bool]:
    return [
        _id(),
        _text("address"),
        _text("address_key"),
        _text("status"),
        _text("token"),
        _text("cadence"),
        sa.Column("sections", sa.JSON(none_as_null=True), nullable=True),
        _number("min_trust"),
        _text("max_hype", nullable=True),
        sa.Column("breaking", sa.Boolean(), server_default=sa.false(), nullable=False),
        _number("hour", nullable=True),
        _text("zone", nullable=True),
        _text("format", default="html"),
        _text("language", default="en"),
        sa.Column("paused_until", sa.Date(), nullable=True),
        _time("created_at"),
        _time("confirmation_sent_at", nullable=True),
        _number("confirmations_sent", default="0"),
        _time("confirmed_at", nullable=True),
        _time("unsubscribed_at", nullable=True),
        _text("unsubscribe_reason", nullable=True),
        sa.CheckConstraint("min_trust BETWEEN 0 AND 100", name="ck_subscribers_min_trust"),
        _key("subscribers", "id"),
        sa.UniqueConstraint("address_key", name="uq_subscribers_address_key"),
        sa.UniqueConstraint("token", name="uq_subscribers_token"),
        sa.Index("ix_subscribers_audience", "status", "cadence"),
    ], True


def _suppressions() -> tuple[list[Any], bool]:
    return [
        sa.Column("key_hash", sa.LargeBinary(32), nullable=False),
        _text("reason"),
        _time("created_at"),
        _key("suppressions", "key_hash"),
    ], False


def _unsuppressions() -> tuple[list[Any], bool]:
    return [
        _id(),
        sa.Column("key_hash", sa.LargeBinary(32), nullable=False),
        _text("reason"),
        _text("why"),
        _time("unsuppressed_at"),
        _key("unsuppressions", "id"),
        sa.Index("ix_unsuppressions_key_hash", "key_hash"),
    ], False


def _signup_requests() -> tuple[list[Any], bool]:
    return [
        _id(),
        _text("address"),
        _text("address_key"),
        sa.Column("preferences", sa.JSON(), nullable=False),
        _text("page"),
        _text("wording"),
        _number("rank"),
        _time("requested_at"),
        _key("signup_requests", "id"),
        sa.Index("ix_signup_requests_turn", "rank", "id"),
        sa.Index("ix_signup_requests_address_key", "address_key"),
    ], False


def _consents() -> tuple[list[Any], bool]:
    return [
        _id(),
        _reference("subscriber_id"),
        _text("wording"),
        _text("page"),
        _time("requested_at"),
        _time("confirmed_at", nullable=True),
        _key("consents", "id"),
        _points_at("consents", "subscriber_id", "subscribers"),
        sa.Index("ix_consents_subscriber_id", "subscriber_id"),
    ], False


def _address_changes() -> tuple[list[Any], bool]:
    return [
        _id(),
        _reference("subscriber_id"),
        _text("address"),
        _text("address_key"),
        _time("requested_at"),
        _number("requests"),
        _time("changed_at", nullable=True),
        _key("address_changes", "id"),
        sa.UniqueConstraint("subscriber_id", name="uq_address_changes_subscriber_id"),
        _points_at("address_changes", "subscriber_id", "subscribers"),
    ], False


def _one_time_links() -> tuple[list[Any], bool]:
    return [
        _reference("subscriber_id"),
        _text("purpose"),
        _time("requested_at"),
        _number("requests"),
        _key("one_time_links", "subscriber_id", "purpose"),
        _points_at("one_time_links", "subscriber_id", "subscribers"),
    ], False


def _editions() -> tuple[list[Any], bool]:
    return [
        _id(),
        _reference("digest_id"),
        sa.Column("mask", sa.BigInteger(), nullable=False),
        _text("language"),
        _text("format"),
        _key("editions", "id"),
        sa.UniqueConstraint("digest_id", "mask", "language", "format", name="uq_editions_digest_id"),
        _points_at("editions", "digest_id", "digests"),
    ], False


def _rendered_digests() -> tuple[list[Any], bool]:
    return [
        _id(),
        _reference("digest_id"),
        _text("language"),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("id_salt", sa.LargeBinary(), nullable=False),
        _time("created_at"),
        _key("rendered_digests", "id"),
        sa.UniqueConstraint("digest_id", "language", name="uq_rendered_digests_digest_id"),
        _points_at("rendered_digests", "digest_id", "digests"),
    ], False


def _batches() -> tuple[list[Any], bool]:
    return [
        _id(),
        _reference("digest_id"),
        _reference("edition_id"),
        _text("state"),
        _number("attempt"),
        sa.Column("lease_until", sa.Double(), nullable=True),
        _time("due_at", nullable=True),
        _time("not_before", nullable=True),
        _number("failures"),
        _time("deferred_since", nullable=True),
        _text("provider_batch_id", nullable=True),
        sa.Column("withdrawing", sa.Boolean(), nullable=False),
        _text("provider_ref", nullable=True),
        _number("resent_attempt", nullable=True),
        sa.Column("mailed_twice", sa.Boolean(), server_default=sa.false(), nullable=False),
        _time("attempted_at", nullable=True),
        _text("note", nullable=True),
        sa.Column("first_id", sa.BigInteger(), nullable=False),
        sa.Column("last_id", sa.BigInteger(), nullable=False),
        sa.Column("outcomes", sa.LargeBinary(), nullable=False),
        sa.Column("recipients", sa.LargeBinary(), nullable=False),
        _time("created_at"),
        _key("batches", "id"),
        _points_at("batches", "digest_id", "digests"),
        _points_at("batches", "edition_id", "editions"),
        sa.Index("ix_batches_digest_id", "digest_id"),
        sa.Index("ix_batches_work", "state", "id"),
        sa.Index("ix_batches_readers", "first_id", "last_id"),
    ], True


def _acceptance_proofs() -> tuple[list[Any], bool]:
    return [
        _reference("batch_id"),
        _number("attempt"),
        _key("acceptance_proofs", "batch_id", "attempt"),
        _points_at("acceptance_proofs", "batch_id", "batches"),
    ], False


def _events() -> tuple[list[Any], bool]:
    return [
        _id(),
        _reference("subscriber_id"),
        _reference("digest_id", nullable=True),
        _text("kind"),
        _text("dedupe_key"),
        _text("reason"),
        _time("occurred_at"),
        _key("events", "id"),
        sa.UniqueConstraint("subscriber_id", "kind", "dedupe_key", name="uq_events_subscriber_id"),
        _points_at("events", "subscriber_id", "subscribers"),
        _points_at("events", "digest_id", "digests"),
        sa.Index("ix_events_digest", "digest_id"),
    ], False


def _webhook_deliveries() -> tuple[list[Any], bool]:
    return [
        _id(),
        _text("provider"),
        sa.Column("body_hash", sa.LargeBinary(32), nullable=False),
        _time("received_at"),
        sa.Column("payload", sa.JSON(none_as_null=True), nullable=True),
        _number("attempt"),
        _time("not_before", nullable=True),
        _key("webhook_deliveries", "id"),
        sa.UniqueConstraint("body_hash", name="uq_webhook_deliveries_body_hash"),
        sa.Index("ix_webhook_deliveries_open", "attempt", "id", sqlite_where=sa.text("payload IS NOT NULL")),
        sa.Index("ix_webhook_deliveries_received_at", "received_at"),
    ], False


def _clock_ticks() -> tuple[list[Any], bool]:
    return [
        _id(),
        sa.Column("number", sa.BigInteger(), nullable=False),
        _time("ticked_at"),
        _key("clock_ticks", "id"),
    ], False


def _outgoing_mail() -> tuple[list[Any], bool]:
    return [
        _id(),
        _text("kind"),
        _reference("subscriber_id", nullable=True),
        sa.Column("payload", sa.JSON(), nullable=False),
        _number("attempt"),
        _time("not_before", nullable=True),
        sa.Column("lease_until", sa.Double(), nullable=True),
        _text("note", nullable=True),
        _time("created_at"),
        _key("outgoing_mail", "id"),
        _points_at("outgoing_mail", "subscriber_id", "subscribers"),
        sa.Index("ix_outgoing_mail_not_before", "not_before"),
        sa.Index("ix_outgoing_mail_subscriber_id", "subscriber_id"),
    ], True
