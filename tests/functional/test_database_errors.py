"""An error of the database says what went wrong, and nothing of the rows that it went wrong with."""

from __future__ import annotations

import traceback
from collections.abc import Callable

import pytest
from sqlalchemy import insert, text, update
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from newsletter.core.db import Database
from newsletter.subscribers.files.imported_readers import ImportedReader, import_rows
from newsletter.subscribers.models import Subscriber

ADA = "ada@example.org"
TOKEN = "4SSyRklGDBygpPUBUp2ZWq"


def _twice(session: Session) -> None:
    session.execute(insert(Subscriber).values(address=ADA, address_key=ADA, token=TOKEN))


def _twice_by_orm(session: Session) -> None:
    session.add(Subscriber(address=ADA, address_key=ADA, token=TOKEN))


def _out_of_range(session: Session) -> None:
    session.execute(update(Subscriber).values(min_trust=101, token=TOKEN))


@pytest.mark.parametrize("fault", [_twice, _twice_by_orm, _out_of_range])
def test_an_error_quotes_no_row(db: Database, fault: Callable[[Session], None]) -> None:
    with db.transaction() as session:
        import_rows(session, [ImportedReader(ADA)])
    with pytest.raises(IntegrityError, match="constraint") as caught, db.transaction() as session:
        fault(session)
    told = "".join(traceback.format_exception(caught.value))
    assert "onstraint" in told
    assert ADA not in told
    assert TOKEN not in told


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_file_that_was_read_only_for_a_while_is_written_to_again(db: Database) -> None:
    """A connection that SQLite opened for reading stays so: `query_only` stands for it, since root may write always."""
    with db.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only=ON")
    with pytest.raises(OperationalError, match="readonly"), db.transaction() as session:
        import_rows(session, [ImportedReader(ADA)])
    with db.transaction() as session:
        import_rows(session, [ImportedReader(ADA)])
        assert session.scalar(text("SELECT count(*) FROM subscribers")) == 1
