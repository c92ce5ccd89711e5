"""The migration that adds the search: it finds the articles that were there before."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text

from newsletter.articles.article_search import place_of, words_of_revision
from newsletter.articles.listed import is_listed
from newsletter.articles.models import Revision
from newsletter.core.db import Database
from tests.functional.test_migration_columns import downgrade_to, filled
from tests.functional.test_migration_standard_words import upgrade_to

__all__ = ["filled"]


def test_articles_from_before_are_found(filled: Database) -> None:
    upgrade_to(filled, "head")
    column = "words" if filled.is_sqlite else "array_to_string(tsvector_to_array(words), ' ')"
    key = "rowid" if filled.is_sqlite else "place"
    with filled.reading() as session:
        rows = session.execute(text(f"SELECT {key}, {column} FROM article_search")).all()
        listed = session.scalars(select(Revision).where(is_listed())).all()
        assert rows
        assert {place: sorted(words.split()) for place, words in rows} == {
            int(place_of(each)): sorted(words_of_revision(each)) for each in listed
        }


def test_it_can_be_taken_back(filled: Database) -> None:
    upgrade_to(filled, "0017")
    downgrade_to(filled, "0016")
    with filled.engine.connect() as connection, pytest.raises(Exception, match="article_search"):
        connection.execute(text("SELECT * FROM article_search"))
    upgrade_to(filled, "0017")
