"""The exit codes of commands, and the errors that lead to them."""

from __future__ import annotations

from sqlalchemy.exc import OperationalError, ProgrammingError

from newsletter.core.errors import NewsletterError

FAILED = 1
USAGE = 2
"""A command that was typed wrong: click itself ends with it."""
TRY_AGAIN = 75
"""EX_TEMPFAIL of sysexits.h: a mail server keeps the mail and comes back later."""
INTERRUPTED = 130
"""The exit code that a shell reports of a command that Ctrl-C ended."""

EXIT_CODES: dict[type[Exception], int] = {
    NewsletterError: FAILED,
    OperationalError: FAILED,
    ProgrammingError: FAILED,
}
"""Errors that become one sentence on stderr. All others are bugs and show a traceback."""


def exit_code(error: Exception) -> int:
    """The exit code for an error of one of the types in `EXIT_CODES`."""
    return next(code for kind, code in EXIT_CODES.items() if isinstance(error, kind))
