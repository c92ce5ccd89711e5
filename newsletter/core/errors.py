"""The service's own errors: a code for programs, and a sentence that can be shown to a person as it stands.

A package's error says what is wrong. The command line adds what to type (`cli.hints`), pages what to press. One table
for each of them maps the types to exit codes, pages and problem details; nothing below them prints.
"""

from __future__ import annotations


class NewsletterError(Exception):
    """Something that the person who made the request can understand and mend.

    `code` is stable and names the case, such as "digest.not_draft". `message` is English with places like %(number)s
    for `values`. A message that readers see is marked with `gettext_noop`; pages translate it before they fill it in.
    """

    def __init__(self, code: str, message: str = "", /, **values: object) -> None:
        if not message:
            code, message = "unspecified", code.replace("%", "%%")
        super().__init__(message % values)
        self.code = code
        self.message = message
        self.values = values


class ConfigurationError(NewsletterError):
    """A setting is missing or wrong; the message names it."""


class NotFoundError(NewsletterError):
    """What was asked for does not exist."""


class InvalidError(NewsletterError):
    """What was given cannot be accepted; nothing was stored."""


class ConflictError(NewsletterError):
    """What was asked does not fit the present state; nothing was changed."""
