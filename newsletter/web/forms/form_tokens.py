"""The signed token of a form: when it was opened, on which page, and in which language.

Together with a field that people do not see it tells a form that a person filled in from one that a program filled in.
Neither refuses anybody. A form that is sent too fast, too late, without a token or with that field filled in comes back
with everything in it, and pressing the button again sends it: so no reader is lost, and a program cannot tell what gave
it away.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from flask import has_request_context, request

from newsletter.core import clock
from newsletter.core.runtime import runtime
from newsletter.core.tokens import TokenError, TokenSigner

FASTEST = timedelta(seconds=2)
"""Nobody reads a form and fills it in within less."""
IN_THIS_ANSWER = "newsletter.form_token"
"""The request's environment has it when the answer holds a token."""
OLDEST = timedelta(days=1)


class FormToken(NamedTuple):
    """When a form was opened, on which page of ours, and in which language the agreement stood there."""

    opened_at: datetime
    page: str
    language: str

    @property
    def is_too_fast(self) -> bool:
        """Whether a person would still be reading."""
        return clock.now() - self.opened_at < FASTEST


def issue_form_token(page: str, language: str) -> str:
    """A token for a form that is opened now. The answer that holds it is kept by nobody (`security_headers`)."""
    if has_request_context():
        request.environ[IN_THIS_ANSWER] = True
    return _signer().sign([int(clock.now().timestamp() * 1000), page, language])


def read_form_token(text: str) -> FormToken | None:
    """The token; None when it is forged, mangled, or older than a day."""
    try:
        milliseconds, page, language = _signer().read(text, OLDEST)
    except TokenError:
        return None
    token = FormToken(datetime.fromtimestamp(milliseconds / 1000, UTC), page, language)
    return token if clock.now() - token.opened_at <= OLDEST else None


def _signer() -> TokenSigner:
    return TokenSigner(runtime().settings.signing_keys, "form", is_open=True)
