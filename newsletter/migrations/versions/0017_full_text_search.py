"""Full text search in articles and digests"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

# The words are cut and folded as this version's searches do it: one that does it otherwise fills the index anew.
from newsletter.core.search import Place, label, words_of

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

OWNERS = {"article_search": ("article_id", "articles"), "digest_search": ("digest_id", "digests")}
"""By the index: its key, and the table that this refers to."""
CHUNK = 1000
REVISIONS = sa.table(
    "revisions",
    *(sa.column(name) for name in ("article_id", "section", "title", "dek", "body", "kind")),
    sa.column("date", sa.Date()),
    sa.column("bullets", sa.JSON()),
    sa.column("is_current", sa.Boolean()),
)


def upgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for table, (key, owner) in OWNERS.items():
        if is_sqlite:
            # The words come folded, with blanks between them. "ascii" leaves all other letters as they are, while
            # "unicode61" knows the letters of 2012. Positions (detail) and sizes of columns are for what is not asked.
            options = "tokenize='ascii', detail='none', columnsize=0, prefix='3'"
            op.execute(f"CREATE VIRTUAL TABLE {table} USING fts5(words, {options})")
        else:
            op.execute(
                f"CREATE TABLE {table} (place BIGINT PRIMARY KEY,"
                f" {key} BIGINT NOT NULL UNIQUE REFERENCES {owner} ON DELETE CASCADE, words TSVECTOR NOT NULL)"
            )
            op.execute(f"CREATE INDEX ix_{table}_words ON {table} USING gin (words)")
    _fill(is_sqlite)


def downgrade() -> None:
    for table in OWNERS:
        op.execute(f"DROP TABLE {table}")


def _fill(is_sqlite: bool) -> None:
    """Put in all articles that stand. Digests come in when they are sent: none had an address before."""
    connection, last = op.get_bind(), 0
    columns = [REVISIONS.c[name] for name in ("article_id", "date", "section", "title", "dek", "bullets", "body")]
    listed = sa.select(*columns).where(REVISIONS.c.is_current, REVISIONS.c.kind != "withdrawal")
    statement = sa.text(
        "INSERT INTO article_search (rowid, words) VALUES (:place, :words)"
        if is_sqlite
        else "INSERT INTO article_search (place, article_id, words)"
        " VALUES (:place, :number, array_to_tsvector(CAST(:words AS text[])))"
    )
    following = listed.order_by(REVISIONS.c.article_id).limit(CHUNK)
    while rows := connection.execute(following.where(REVISIONS.c.article_id > last)).all():
        connection.execute(statement, [_entry(row, is_sqlite) for row in rows])
        last = rows[-1].article_id


def _entry(row: Any, is_sqlite: bool) -> dict[str, Any]:
    words = [label(row.section), *words_of(row.title, row.dek, *row.bullets, row.body)]
    place = int(Place(row.date, row.article_id))
    if is_sqlite:
        return {"place": place, "words": " ".join(words)}
    return {"place": place, "number": row.article_id, "words": words}
