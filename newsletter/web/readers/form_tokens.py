"""What tells a form that a person filled in from one that a program filled in: a signed mark with the time at which the
form was opened, and a field that people do not see.

Neither refuses anybody. Whoever sends a form too fast, too late, without a mark or with the trap filled in gets it
again with everything in it, and one more press does it: so no reader is lost, and a program cannot tell what gave it
away.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from newsletter.core import clock
from newsletter.core.runtime import runtime
from newsletter.core.tokens import TokenError, TokenSigner

FASTEST = timedelta(seconds=2)
"""Nobody reads a form and fills it in within less."""
OLDEST = timedelta(days=1)


class FormToken(NamedTuple):
    """When a form was opened, and on which page of ours."""

    opened_at: datetime
    page: str

    @property
    def is_too_fast(self) -> bool:
        return clock.now() - self.opened_at < FASTEST


def issue(page: str) -> str:
    """A mark for a form that is opened now."""
    return _signer().sign([int(clock.now().timestamp() * 1000), page])


def read_form_token(text: str) -> FormToken | None:
    """The mark; None when it is forged, mangled, or older than a day."""
    try:
        milliseconds, page = _signer().read(text, OLDEST)
    except TokenError:
        return None
    mark = FormToken(datetime.fromtimestamp(milliseconds / 1000, UTC), page)
    return mark if clock.now() - mark.opened_at <= OLDEST else None


def _signer() -> TokenSigner:
    return TokenSigner(runtime().settings.signing_keys, "form")
