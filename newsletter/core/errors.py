"""The service's own errors: each message is one sentence that can be shown to a person as it stands.

The doors turn them into pages, JSON, or a line on stderr with an exit code; nothing below a door prints.
"""


class NewsletterError(Exception):
    """Something that the person who asked can understand and mend."""


class ConfigurationError(NewsletterError):
    """A setting is missing or wrong; the message names it."""


class NotFoundError(NewsletterError):
    """What was asked for does not exist."""


class InvalidError(NewsletterError):
    """What was given cannot be accepted; nothing was stored."""


class ConflictError(NewsletterError):
    """What was asked does not fit the present state; nothing was changed."""
