"""Failures of a fetch, in words that hold nothing of what a server said."""

from __future__ import annotations

from enum import StrEnum


class FetchFailure(StrEnum):
    """The reason for which there is no answer."""

    ADDRESS = "address"
    """It is no web address, or one with a name and a password."""
    PORT = "port"
    """It has another port than 80 and 443."""
    OWN_HOST = "own_host"
    """It leads to the service itself."""
    NOT_PUBLIC = "not_public"
    """Its host has an address that is not public."""
    UNKNOWN_HOST = "unknown_host"
    UNRESOLVED = "unresolved"
    """The resolver did not say whether there is such a host."""
    NO_CONNECTION = "no_connection"
    CERTIFICATE = "certificate"
    """It cannot be verified."""
    TIMEOUT = "timeout"
    NO_HTTP = "no_http"
    """The answer cannot be read, or the connection ended within it."""
    TOO_LARGE = "too_large"
    REDIRECTS = "redirects"
    """There are too many in a row."""


class FetchError(Exception):
    """There is no answer. Callers store the failure, or put it into words."""

    def __init__(self, failure: FetchFailure) -> None:
        super().__init__(failure.value)
        self.failure = failure
