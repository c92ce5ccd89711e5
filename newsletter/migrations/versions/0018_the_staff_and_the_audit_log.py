"The staff and the audit log"

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

REFUSED = "an entry of the audit log stays as it is"
YOUNG = {
    "sqlite": "OLD.happened_at > datetime('now', '-30 days')",
    "postgresql": "OLD.happened_at > now() - interval '30 days'",
}
"""Entries that not even the clock deletes: AUDIT_KEPT_FOR is 90 days at least."""


def upgrade() -> None:
    op.create_table(
        "staff_members",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("email_key", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("user_handle", sa.LargeBinary(length=32), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("totp_secret", sa.Text(), nullable=True),
        sa.Column("totp_step", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("set_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("role IN ('author', 'editor', 'admin')", name=op.f("ck_staff_members_role")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_members")),
        sa.UniqueConstraint("email_key", name=op.f("uq_staff_members_email_key")),
        sa.UniqueConstraint("user_handle", name=op.f("uq_staff_members_user_handle")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "used_challenges",
        sa.Column("challenge_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("challenge_hash", name=op.f("pk_used_challenges")),
    )
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("staff_member_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("object_kind", sa.Text(), nullable=True),
        sa.Column("object_id", sa.BigInteger(), nullable=True),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.CheckConstraint(
            "actor_kind IN ('reader', 'editor', 'visitor', 'operator', 'clock', 'worker', 'provider')",
            name=op.f("ck_audit_entries_actor_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["staff_member_id"], ["staff_members.id"], name=op.f("fk_audit_entries_staff_member_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entries")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_entries_action", "audit_entries", ["action", "id"])
    op.create_index("ix_audit_entries_happened_at", "audit_entries", ["happened_at"])
    op.create_index("ix_audit_entries_member", "audit_entries", ["staff_member_id", "id"])

    op.create_table(
        "passkeys",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("staff_member_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["staff_member_id"], ["staff_members.id"], name=op.f("fk_passkeys_staff_member_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passkeys")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_passkeys_credential_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_passkeys_staff_member_id", "passkeys", ["staff_member_id"])

    op.create_table(
        "recovery_codes",
        sa.Column("code_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("staff_member_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["staff_member_id"], ["staff_members.id"], name=op.f("fk_recovery_codes_staff_member_id")
        ),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_recovery_codes")),
    )
    op.create_index("ix_recovery_codes_staff_member_id", "recovery_codes", ["staff_member_id"])

    op.create_table(
        "staff_links",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("staff_member_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("nonce", sa.LargeBinary(length=16), nullable=False),
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("purpose IN ('invitation', 'reset', 'demo')", name=op.f("ck_staff_links_purpose")),
        sa.ForeignKeyConstraint(["staff_member_id"], ["staff_members.id"], name=op.f("fk_staff_links_staff_member_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_links")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_staff_links_token_hash")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_staff_links_staff_member_id", "staff_links", ["staff_member_id"])

    op.create_table(
        "staff_sessions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("staff_member_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("form_secret", sa.LargeBinary(length=16), nullable=False),
        sa.Column("browser", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("proved_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["staff_member_id"], ["staff_members.id"], name=op.f("fk_staff_sessions_staff_member_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_sessions")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_staff_sessions_token_hash")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_staff_sessions_staff_member_id", "staff_sessions", ["staff_member_id"])

    _refuse_changes(op.get_bind().dialect.name)


def _refuse_changes(dialect: str) -> None:
    """Let the database itself keep the audit log as it was written."""
    if dialect == "sqlite":
        for verb, when in (("UPDATE", ""), ("DELETE", f"WHEN {YOUNG[dialect]}")):
            op.execute(
                f"CREATE TRIGGER audit_entries_{verb.lower()} BEFORE {verb} ON audit_entries {when} "
                f"BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{REFUSED}'; END $$"
    )
    for verb, when in (("UPDATE", ""), ("DELETE", f"WHEN ({YOUNG[dialect]})")):
        op.execute(
            f"CREATE TRIGGER audit_entries_{verb.lower()} BEFORE {verb} ON audit_entries FOR EACH ROW {when} "
            "EXECUTE FUNCTION refuse_audit_change()"
        )


def downgrade() -> None:
    for table in (
        "staff_sessions",
        "staff_links",
        "recovery_codes",
        "passkeys",
        "audit_entries",
        "used_challenges",
        "staff_members",
    ):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_audit_change")
