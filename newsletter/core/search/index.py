"""An index of words: a virtual table of FTS5, or a narrow table of vectors with a GIN index.

Both are made by migrations and stand in no model (`migrations.tables`). Their rows are written in the transaction that
changes what they are about.
"""

# ruff: noqa: S608 - names of tables and columns are put into statements, and those are no input
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from newsletter.core.search.entry_places import Place
from newsletter.core.search.fts5_query import fts5_query
from newsletter.core.search.queries import SearchQuery

MOST_COUNTED = 1000
"""More are "more than 1,000": to count 100,000 takes longer than to find the first of them."""
FIRST, LAST = 0, (1 << 63) - 1
"""Before and behind all places, as `int` writes them."""
_LOOKED_AT = 300
"""Entries that PostgreSQL looks at one by one, before it asks the index for all with the words: their words lie outside
the row, and each takes 3 µs."""
_RARER = 4
_HAS_WORDS = "words @@ (SELECT CAST(:words AS tsquery))"
"""A condition of PostgreSQL. Its planner does not know words behind a SELECT, and asks the index. For a frequent word
it would read the words of one entry after the other, which takes four times the time."""


@dataclass(frozen=True)
class SearchIndex:
    """The index in a table, of rows whose id stands in `key` (PostgreSQL's table refers to them)."""

    table: str
    key: str

    def put(self, session: Session, place: Place, words: Iterable[str]) -> None:
        """Add an entry. There is none at this place."""
        values: dict[str, Any] = {"place": int(place)}
        if _is_sqlite(session):
            statement = f"INSERT INTO {self.table} (rowid, words) VALUES (:place, :words)"
            values["words"] = " ".join(words)
        else:
            # Not to_tsvector: its parser has ideas of its own about hyphens, addresses and numbers.
            statement = (
                f"INSERT INTO {self.table} (place, {self.key}, words)"
                " VALUES (:place, :number, array_to_tsvector(CAST(:words AS text[])))"
            )
            values |= {"number": place.number, "words": list(words)}
        session.execute(text(statement), values)

    def remove(self, session: Session, place: Place) -> None:
        """Remove the entry at this place, if there is one."""
        column = "rowid" if _is_sqlite(session) else "place"
        session.execute(text(f"DELETE FROM {self.table} WHERE {column} = :place"), {"place": int(place)})

    def find(
        self,
        session: Session,
        query: SearchQuery,
        count: int,
        *,
        labels: Sequence[str] = (),
        first: int = FIRST,
        last: int = LAST,
        oldest_first: bool = False,
    ) -> list[Place]:
        """At most `count` places from `first` to `last`, the newest first, with all words and labels."""
        order = "ASC" if oldest_first else "DESC"
        return [Place.from_int(place) for place in self._execute(session, query, labels, first, last, count, order)]

    def count(
        self,
        session: Session,
        query: SearchQuery,
        *,
        labels: Sequence[str] = (),
        first: int = FIRST,
        last: int = LAST,
    ) -> int:
        """The number of such places, and MOST_COUNTED + 1 for all larger numbers."""
        found = self._execute(session, query, labels, first, last, MOST_COUNTED + 1, order=None)
        return found[0] if found else 0

    def _execute(
        self,
        session: Session,
        query: SearchQuery,
        labels: Sequence[str],
        first: int,
        last: int,
        count: int,
        order: str | None,
    ) -> list[int]:
        """The places; without an order their number alone."""
        if not query.words:
            return []
        if _is_sqlite(session):
            words, values = fts5_query(self.table, query, labels)
            statement = self._in_sqlite(words, order)
        else:
            values, within = {"words": _for_postgresql(query, labels)}, _within(first, last)
            statement = self._in_order(order, within) if order else self._in_any_order(within)
        found = statement if order else f"SELECT count(*) FROM ({statement}) AS found"
        return list(session.scalars(text(found), {"first": first, "last": last, "count": count} | values))

    def _in_sqlite(self, words: str, order: str | None) -> str:
        ordered = f"ORDER BY place {order}" if order else ""
        return f"""
            SELECT rowid AS place FROM {self.table}
            WHERE {self.table} MATCH {words} AND rowid BETWEEN :first AND :last {ordered} LIMIT :count"""

    def _in_any_order(self, within: str) -> str:
        return f"SELECT place FROM {self.table} WHERE {_HAS_WORDS} {within} LIMIT :count"

    def _in_order(self, order: str, within: str) -> str:
        """The statement for PostgreSQL. A frequent word is found by a look at some entries in order; to sort all that
        have it took 1.3 s of 100,000. A rare one is found by the index; to look for it in order took 3 s, and without
        MATERIALIZED the planner does that. Where one in _RARER of the first has it, many are found in order, too.
        """
        entries = f"SELECT place, words FROM {self.table} WHERE true {within}"
        return f"""
            WITH nearest AS MATERIALIZED (
                SELECT place FROM ({entries} ORDER BY place {order} LIMIT {_LOOKED_AT}) AS looked_at
                WHERE {_HAS_WORDS} ORDER BY place {order} LIMIT :count
            ), next AS MATERIALIZED (
                SELECT place FROM (
                    {entries} AND (SELECT count(*) FROM nearest) BETWEEN {_LOOKED_AT // _RARER} AND :count - 1
                    ORDER BY place {order} OFFSET {_LOOKED_AT} LIMIT {_RARER} * :count
                ) AS looked_at
                WHERE {_HAS_WORDS} ORDER BY place {order} LIMIT :count - (SELECT count(*) FROM nearest)
            ), found AS MATERIALIZED (
                SELECT place FROM {self.table}
                WHERE (SELECT count(*) FROM nearest) + (SELECT count(*) FROM next) < :count AND {_HAS_WORDS} {within}
            )
            SELECT place FROM nearest UNION SELECT place FROM next UNION SELECT place FROM found
            ORDER BY place {order} LIMIT :count"""


def _within(first: int, last: int) -> str:
    """The condition on places. Bounds beyond all places are left out: psycopg prepares what is often asked, and
    PostgreSQL, which then plans for any values, believes that two bounds leave few entries, reads all and sorts them.
    """
    after = "AND place >= :first" if first > FIRST else ""
    return f"{after} AND place <= :last" if last < LAST else after


def _for_postgresql(query: SearchQuery, labels: Sequence[str]) -> str:
    words = [f"'{word}'" for word in (*labels, *query.words)]
    return " & ".join(words) + (":*" if query.last_is_prefix else "")


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"
