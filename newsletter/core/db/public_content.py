"""The version of what the public can see: a number that each change raises, in the transaction of the change.

Pages that were made from an older version are not shown again (`web.page_cache`). Callers need do nothing: a table has
IS_PUBLIC as its `info`, and each INSERT, UPDATE or DELETE of such a table raises the number. Statements as text are not
noticed, so no module writes these tables with them (tests/invariants/test_public_content.py). `raise_version` is for
a change of another table by which something becomes public.

The number is raised as the last act before the commit: its row is locked for a moment only, and never before another.
"""

from __future__ import annotations

import time
import uuid
from typing import Any, Final, NamedTuple

from sqlalchemy import URL, CheckConstraint, Connection, Engine, Table, Text, UpdateBase, event, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from newsletter.core.db.columns import Base
from newsletter.core.db.statements import insert_into, table_of

IS_PUBLIC: Final = {"is_public": True}
"""The `info` of a table whose rows public pages show."""
_CHANGED = "public_content_changed"

BELIEVED_FOR = 0.02
"""Seconds for which a version is used that was read. If each request read it, then under load a request would wait for
the database longer than for all the rest (measured)."""


class _Known(NamedTuple):
    """A version as it was read at a time of the monotonic clock."""

    version: int
    read_at: float


_known: dict[URL, _Known] = {}
"""By the database's address. No lock is needed: two threads that read it at the same moment store the same."""


class PublicContent(Base):
    """The one row about all that is public. This module alone writes it."""

    __tablename__ = "public_content"
    __table_args__ = (CheckConstraint("id = 1", name="single"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int]
    """Raised by each change; 0 stands for a database in which nothing was public yet."""
    namespace: Mapped[str] = mapped_column(Text)
    """A random UUID, from which feeds make the ids of their entries: these outlive titles, addresses and hosts."""
    hub_told: Mapped[str] = mapped_column(Text, default="", server_default=text("''"))
    """The state of the feeds of which the WebSub hub was told last (`operations.websub`)."""


_table = table_of(PublicContent)
_VERSION = select(_table.c.version)
_NAMESPACE = select(_table.c.namespace)


def watch(engine: Engine) -> None:
    """Raise the version at each commit of the engine that changes public content."""
    event.listen(engine, "begin", _forget)
    event.listen(engine, "before_execute", _notice)
    event.listen(engine, "commit", _write)


def raise_version(session: Session) -> None:
    """Raise the version when this transaction commits."""
    session.connection().info[_CHANGED] = True


def present_version(engine: Engine) -> int:
    """The version as it was at most BELIEVED_FOR seconds ago; after a commit of this process, the present one."""
    known = _known.get(engine.url)
    now = time.monotonic()
    if known is None or now - known.read_at > BELIEVED_FOR:
        with engine.connect() as connection:
            known = _known[engine.url] = _Known(connection.scalar(_VERSION) or 0, now)
    return known.version


def read_namespace(session: Session) -> uuid.UUID:
    """The UUID from which this publication's feeds make their ids."""
    return uuid.UUID(session.scalar(_NAMESPACE) or str(uuid.NAMESPACE_URL))


def claim_telling(session: Session, state: str) -> bool:
    """Claim a state of the feeds, to tell the hub. False when another process has, or when nothing is public yet."""
    untold = update(_table).where(_table.c.hub_told != state).values(hub_told=state)
    return session.connection().execute(untold).rowcount == 1


def is_told(session: Session, state: str) -> bool:
    """Whether the hub was told of a state of the feeds, or there is nothing to tell."""
    return session.scalar(select(_table.c.hub_told)) in (state, None)


def _forget(connection: Connection) -> None:
    """Drop what a transaction that was rolled back left."""
    connection.info.pop(_CHANGED, None)


def _notice(connection: Connection, statement: Any, *_values: object) -> None:
    """Notice a change of a public table. Those of migrations go unnoticed, but after them processes start anew."""
    if isinstance(statement, UpdateBase) and isinstance(statement.table, Table) and "is_public" in statement.table.info:
        connection.info[_CHANGED] = True


def _write(connection: Connection) -> None:
    if connection.info.pop(_CHANGED, False):
        _known.pop(connection.engine.url, None)
        insert = insert_into(connection.dialect.name, _table).values(id=1, version=1, namespace=str(uuid.uuid4()))
        raised = {"version": _table.c.version + 1}
        connection.execute(insert.on_conflict_do_update(index_elements=["id"], set_=raised))
