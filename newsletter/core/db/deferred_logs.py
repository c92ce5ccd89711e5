"""Log lines about what a transaction did, which are written once it is committed.

A line that is written earlier could report work that a failed commit undoes.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

from sqlalchemy.orm import Session, SessionTransaction

_KEY = "deferred_logs"


class _Line(NamedTuple):
    transaction: SessionTransaction | None
    logger: logging.Logger
    level: int
    message: str
    values: tuple[object, ...]


class DeferredLogger(NamedTuple):
    """Takes lines as a logger does, and keeps them until the commit."""

    session: Session
    logger: logging.Logger

    def debug(self, message: str, *values: object) -> None:
        self._keep(logging.DEBUG, message, values)

    def info(self, message: str, *values: object) -> None:
        self._keep(logging.INFO, message, values)

    def warning(self, message: str, *values: object) -> None:
        self._keep(logging.WARNING, message, values)

    def error(self, message: str, *values: object) -> None:
        self._keep(logging.ERROR, message, values)

    def _keep(self, level: int, message: str, values: tuple[object, ...]) -> None:
        transaction = self.session.get_nested_transaction() or self.session.get_transaction()
        self.session.info.setdefault(_KEY, []).append(_Line(transaction, self.logger, level, message, values))


def log_after_commit(session: Session, logger: logging.Logger) -> DeferredLogger:
    """A logger that writes after the commit of a `Database.transaction`. A rollback of the transaction, or of the
    savepoint in which a line was logged, drops the line."""
    return DeferredLogger(session, logger)


def write_lines(session: Session) -> None:
    """Log the lines of a session that is committed."""
    lines: list[_Line] = session.info.pop(_KEY, [])
    for line in lines:
        line.logger.log(line.level, line.message, *line.values)


def drop_lines(session: Session, ended: SessionTransaction) -> None:
    """Drop the lines of a savepoint or transaction that was rolled back."""
    lines: list[_Line] = session.info.get(_KEY, [])
    lines[:] = [line for line in lines if not _is_within(line.transaction, ended)]


def _is_within(transaction: SessionTransaction | None, outer: SessionTransaction) -> bool:
    while transaction is not None and transaction is not outer:
        transaction = transaction.parent
    return transaction is outer
