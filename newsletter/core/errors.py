"""The service's own errors: a code for programs, and a sentence that can be shown to a person as it is.

The sentence says what is wrong. The command line adds what to type (`cli.hints`), and pages add what to press. One
table maps the types to exit codes (`cli.exit_codes`), another to pages and problem details (`web.errors`).
"""

from __future__ import annotations


class NewsletterError(Exception):
    """An error that the person who made the request can understand and mend.

    `code` is stable and names the case, such as "digest.not_draft". `message` is English with places like %(number)s
    for `values`. A message that readers see is marked with `gettext_noop`; pages translate it before they fill it in.
    """

    def __init__(self, code: str, message: str, /, **values: object) -> None:
        super().__init__(message % values)
        self.code = code
        self.message = message
        self.values = values


class ConfigurationError(NewsletterError):
    """A setting is missing or wrong. The message names it."""


class NotFoundError(NewsletterError):
    """The thing that was asked for does not exist."""


class InvalidError(NewsletterError):
    """A value cannot be accepted. Nothing was stored."""


class ConflictError(NewsletterError):
    """The request does not fit the present state. Nothing was changed."""
