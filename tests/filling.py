"""Many rows in no time: an archive of articles, as a service has it after years."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import func, insert, select, text

from newsletter.articles import page
from newsletter.articles.models import Article, PublishedBasis, Revision, RevisionKind
from newsletter.core.config import HYPE_LABELS
from newsletter.core.db import Database, table_of
from tests.factories import REAL_ARTICLE

NEWEST_DAY = date(2026, 5, 2)
CREATED = datetime(2026, 5, 2, 8, tzinfo=UTC)
SECTIONS = 5
CHUNK = 5000


def fill_archive(db: Database, count: int, *, first: int = 1, a_day: int = 10, revisions: int = 2) -> None:
    """The articles `first` to `count`, `a_day` of them of one date, in 5 sections; each with so many `revisions`.

    The article 1 has the slug "story-1" and the newest date.
    """
    content = page.parse_page(REAL_ARTICLE.read_bytes(), HYPE_LABELS).content()
    content["sources"] = content.pop("sources_json")
    with db.transaction() as session:
        offset = (session.scalar(select(func.max(Article.id))) or 0) + 1 - first
        for start in range(first, count + 1, CHUNK):
            numbers = range(start, min(start + CHUNK, count + 1))
            articles = [{"id": offset + n, "slug": f"story-{n}", "created_at": CREATED} for n in numbers]
            session.execute(insert(table_of(Article)), articles)
            for revision in range(1, revisions + 1):
                rows = [
                    {
                        **content,
                        "article_id": offset + n,
                        "number": revision,
                        "is_current": revision == revisions,
                        "kind": RevisionKind.FIRST if revision == 1 else RevisionKind.SMALL,
                        "published_at": CREATED,
                        "published_at_basis": PublishedBasis.IMPORT,
                        "section": f"Section {n % SECTIONS:02}",
                        "date": NEWEST_DAY - timedelta(days=(n - 1) // a_day),
                        "title": f"Story {n}",
                        "trust": 40 + n % 60,
                        "created_at": CREATED,
                    }
                    for n in numbers
                ]
                session.execute(insert(table_of(Revision)), rows)
    bring_up_to_date(db)


def bring_up_to_date(db: Database) -> None:
    """Let PostgreSQL count anew, as autovacuum does by itself after a while, and go on numbering behind the rows."""
    if db.is_sqlite:
        return
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in ("articles", "revisions", "subscribers", "digests"):
            connection.execute(text(f"VACUUM ANALYZE {table}"))
            following = f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"
            connection.execute(text(following))
