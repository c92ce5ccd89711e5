"""Errors of the database: whether it is away, as when it restarts, and the driver's words for a log."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, OperationalError


def is_away(error: OperationalError) -> bool:
    """Whether the database cannot be used at present. A wrong statement is no such error, though SQLite's driver raises
    the same for it; PostgreSQL's raises another."""
    return getattr(error.orig, "sqlite_errorname", "") != "SQLITE_ERROR"


def cause(error: DBAPIError) -> str:
    """The driver's sentence without its end. It names hosts and files, and no values of rows (`engine`)."""
    return " ".join(str(error.orig).split()).rstrip(".?")
