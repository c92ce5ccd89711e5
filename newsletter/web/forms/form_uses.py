"""The uses of a sign-up form: a form is good for a few sign-ups, and the same post again brings no other mail.

Redis counts them for a day, under hashes of the form's token. A token is random and stands in the page alone, so what
stays in the queue's append-only file can be worked out by nobody. Without Redis every form is as good as new.
"""

from __future__ import annotations

import hmac
import json
import logging
from enum import Enum, auto
from hashlib import sha256

from redis import Redis
from redis.exceptions import RedisError

from newsletter.core import tokens
from newsletter.subscribers.preferences import Preferences
from newsletter.web.forms.form_tokens import OLDEST

log = logging.getLogger(__name__)

MOST_USES = 10
"""Sign-ups with one form. A person needs one, or a few to mend an address.

A proxy that keeps the front page, against our headers, hands one form to all who come by. The first of them sign up
with one press, later ones with two. A program needs a form, and the two seconds, for each ten sign-ups.
"""


class FormUse(Enum):
    """How a post uses its form."""

    NEW = auto()
    REPEATED = auto()
    """The same post was stored before, as when a page is reloaded."""
    ONE_TOO_MANY = auto()


class FormUses:
    """The uses of the form with this token."""

    def __init__(self, redis: Redis, form_token: str, address: str, preferences: Preferences) -> None:
        self._redis, self._is_reached = redis, True
        token = tokens.clean_token(form_token).encode()
        post = json.dumps([address, preferences.columns()], sort_keys=True).encode()
        self._form_key = f"newsletter:forms:{sha256(token).hexdigest()[:32]}"
        self._post_key = f"newsletter:forms:{hmac.digest(token, post, 'sha256')[:16].hex()}"

    def count(self) -> FormUse:
        """Count a use of the form, and say which it is."""
        try:
            with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.exists(self._post_key)
                pipeline.set(self._form_key, 0, ex=OLDEST, nx=True)  # first: no count is kept for ever
                pipeline.incr(self._form_key)
                was_stored, _, uses = pipeline.execute()
        except RedisError as error:
            log.warning("uses of forms are not counted while Redis is away (%s)", type(error).__name__)
            self._is_reached = False
            return FormUse.NEW
        if was_stored:
            return FormUse.REPEATED
        return FormUse.NEW if uses <= MOST_USES else FormUse.ONE_TOO_MANY

    def remember(self) -> None:
        """Remember that the post is stored. Call it after the commit: a post that failed may be sent again."""
        if not self._is_reached:
            return  # waiting for it once is enough
        try:
            self._redis.set(self._post_key, 1, ex=OLDEST)
        except RedisError as error:
            log.warning("a sign-up's form is not remembered while Redis is away (%s)", type(error).__name__)
