"""Many rows in no time: an archive of articles and of letters, as a service has it after years."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import func, insert, select, text

from newsletter.articles import page
from newsletter.articles.models import Article, PublishedBasis, Revision, RevisionKind
from newsletter.core.cadence import Cadence
from newsletter.core.config import HYPE_LABELS
from newsletter.core.db import Database, table_of
from newsletter.core.search import Place, label
from newsletter.digests.models import Digest, DigestArticle, DigestStatus
from tests.factories import REAL_ARTICLE

NEWEST_DAY = date(2026, 5, 2)
CREATED = datetime(2026, 5, 2, 8, tzinfo=UTC)
SECTIONS = 5
CHUNK = 5000
STORIES_OF_LETTER = 10


def fill_archive(
    db: Database, count: int, *, first: int = 1, a_day: int = 10, revisions: int = 2, newest: date = NEWEST_DAY
) -> None:
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
                        "date": newest - timedelta(days=(n - 1) // a_day),
                        "title": f"Story {n}",
                        "trust": 40 + n % 60,
                        "created_at": CREATED,
                    }
                    for n in numbers
                ]
                session.execute(insert(table_of(Revision)), rows)
    bring_up_to_date(db)


def fill_letters(db: Database, count: int, *, first: int = 1) -> None:
    """The letters `first` to `count` of ten of the newest articles each, one a day; the first is the newest.

    They were sent to nobody: a page counts readers of one letter alone.
    """
    with db.transaction() as session:
        newest = (
            select(Revision.id, Revision.article_id)
            .where(Revision.is_current)
            .order_by(Revision.date.desc(), Revision.id.desc())
        )
        revisions = session.execute(newest.limit(STORIES_OF_LETTER)).all()
        offset = (session.scalar(select(func.max(Digest.id))) or 0) + 1 - first
        letters, items = [], []
        for number in range(first, count + 1):
            day = NEWEST_DAY - timedelta(days=number - 1)
            since = datetime.combine(day, time(7), UTC)
            times = dict.fromkeys(("created_at", "scheduled_at", "frozen_at", "sent_at", "letter_since"), since)
            letters.append(
                {
                    "id": offset + number,
                    "cadence": Cadence.DAILY,
                    "status": DigestStatus.SENT,
                    "subject": f"Letter {number}",
                    "letter_name": f"{day}-daily",
                    **times,
                }
            )
            items += [
                {"digest_id": offset + number, "position": position, "revision_id": revision, "article_id": article}
                for position, (revision, article) in enumerate(revisions)
            ]
        session.execute(insert(table_of(Digest)), letters)
        session.execute(insert(table_of(DigestArticle)), items)
    bring_up_to_date(db)


def fill_search(db: Database, count: int, words: Callable[[random.Random], list[str]]) -> None:
    """Entries of the search for the articles 1 to `count` of `fill_archive`, each with words that `words` chooses."""
    choose = random.Random(7)

    def entries() -> Iterator[tuple[int, list[str]]]:
        columns = (Revision.article_id, Revision.date, Revision.section)
        with db.reading() as session:
            found = session.execute(select(*columns).where(Revision.is_current)).all()
        for article_id, day, section in found[:count]:
            yield int(Place(day, article_id)), list(dict.fromkeys([label(section), *words(choose)]))

    connection = db.engine.raw_connection()
    cursor: Any = connection.cursor()
    if db.is_sqlite:
        cursor.execute("BEGIN IMMEDIATE")
        rows = ((place, " ".join(each)) for place, each in entries())
        cursor.executemany("INSERT INTO article_search (rowid, words) VALUES (?, ?)", rows)
    else:
        cursor.execute("SET LOCAL statement_timeout = 0")  # on a busy machine it takes longer than a page may
        with cursor.copy("COPY article_search (place, article_id, words) FROM STDIN") as copy:
            for place, each in entries():
                copy.write_row((place, Place.from_int(place).number, " ".join(each)))
    connection.commit()
    connection.close()
    bring_up_to_date(db)


def bring_up_to_date(db: Database) -> None:
    """Let PostgreSQL count anew, as autovacuum does by itself after a while, and go on numbering behind the rows."""
    if db.is_sqlite:
        return
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in ("articles", "revisions", "subscribers", "digests", "digest_articles", "article_search"):
            connection.execute(text(f"VACUUM ANALYZE {table}"))
            if table == "article_search":
                continue  # its rows are numbered by what they are about
            following = f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"
            connection.execute(text(following))
