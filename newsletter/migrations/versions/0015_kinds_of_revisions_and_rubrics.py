"""Kinds of revisions, withdrawals, rubrics, Markdown, and the time at which a revision was published

Present revisions were never said to be anything: the first ones are "first", later ones small changes. The first bears
the date of its page, later ones the time of their import.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
CHECKS = {
    "kind": "kind IN ('first', 'small', 'update', 'correction', 'withdrawal')",
    "published_at_basis": "published_at_basis IN ('page_date', 'given', 'import')",
    "markup": "markup IN ('text', 'markdown')",
    "first": "(number = 1) = (kind = 'first')",
    "note": "(note IS NOT NULL) = (kind IN ('update', 'correction', 'withdrawal'))",
    "serious": "NOT serious OR kind IN ('correction', 'withdrawal')",
}
MIDNIGHT = {"sqlite": "date || ' 00:00:00.000000'", "postgresql": "date::timestamp AT TIME ZONE 'UTC'"}


def upgrade() -> None:
    op.create_table(
        "rubrics",
        sa.Column("id", ID, nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("parts", sa.JSON(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rubrics")),
        sa.UniqueConstraint("effective_from", name=op.f("uq_rubrics_effective_from")),
        sqlite_autoincrement=True,
    )
    op.add_column("articles", sa.Column("url", sa.Text(), nullable=True))
    for column in _columns():
        op.add_column("revisions", column)
    _fill()
    with _anew() as batch_op:
        for name, type_ in (("kind", sa.Text()), ("published_at", TIME), ("published_at_basis", sa.Text())):
            batch_op.alter_column(name, existing_type=type_, nullable=False)
        for name, condition in CHECKS.items():
            batch_op.create_check_constraint(op.f(f"ck_revisions_{name}"), condition)
        batch_op.create_foreign_key(op.f("fk_revisions_rubric_id"), "rubrics", ["rubric_id"], ["id"])


def downgrade() -> None:
    with _anew() as batch_op:
        batch_op.drop_constraint(op.f("fk_revisions_rubric_id"), type_="foreignkey")
        for name in CHECKS:
            batch_op.drop_constraint(op.f(f"ck_revisions_{name}"), type_="check")
        for column in _columns():
            batch_op.drop_column(column.name)
    with op.batch_alter_table("articles", table_kwargs={"sqlite_autoincrement": True}) as batch_op:
        batch_op.drop_column("url")
    op.drop_table("rubrics")


def _anew() -> AbstractContextManager[BatchOperations]:
    """SQLite makes the table anew, and forgets AUTOINCREMENT unless it is told."""
    return op.batch_alter_table("revisions", table_kwargs={"sqlite_autoincrement": True})


def _columns() -> tuple[sa.Column[object], ...]:
    """Those that may not be empty become so once they are filled."""
    return (
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("serious", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("reported_at", TIME, nullable=True),
        sa.Column("published_at", TIME, nullable=True),
        sa.Column("published_at_basis", sa.Text(), nullable=True),
        sa.Column("written_by", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("checked_by", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("ai_use", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("markup", sa.Text(), server_default="text", nullable=False),
        sa.Column("trust_parts", sa.JSON(), nullable=True),
        sa.Column("rubric_id", ID, nullable=True),
    )


def _fill() -> None:
    midnight = MIDNIGHT[op.get_bind().dialect.name]
    op.execute(
        f"""UPDATE revisions SET
            kind = CASE WHEN number = 1 THEN 'first' ELSE 'small' END,
            published_at = CASE WHEN number = 1 THEN {midnight} ELSE created_at END,
            published_at_basis = CASE WHEN number = 1 THEN 'page_date' ELSE 'import' END"""  # noqa: S608 - no input
    )
