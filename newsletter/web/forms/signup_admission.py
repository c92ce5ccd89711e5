"""Whether a sign-up is taken: how its form was used before, and the limits of its network, its address and of all.

Redis counts both, in one script: each question of its own costs as much as a row. A form is good for a few sign-ups,
and the same post again brings no other mail; uses are kept for a day, under hashes of the form's token, which is random
and stands in the page alone. Limits (`signup.rate_limit`) are counted for an hour, under hashes with a random salt that
Redis never sees and that is replaced each hour (`salts`). So what stays in the queue's append-only file can be worked
out by nobody.

Without Redis nothing is limited and every form is as good as new: no sign-up may be lost.
"""

from __future__ import annotations

import hmac
import json
import logging
from enum import IntEnum
from functools import cache
from hashlib import sha256
from typing import NamedTuple, cast

from redis import Redis
from redis.commands.core import Script
from redis.exceptions import RedisError

from newsletter.core import tokens
from newsletter.subscribers.preferences import Preferences
from newsletter.subscribers.signup.rate_limit import SignupLimits
from newsletter.web.forms.form_tokens import OLDEST

log = logging.getLogger(__name__)

_KEPT_FOR = int(OLDEST.total_seconds())
"""Seconds for which the uses of a form are counted: then it is too old."""
MOST_USES = 10
"""Sign-ups with one form. A person needs one, or a few to mend an address.

A proxy that keeps the front page, against our headers, hands one form to all who come by. The first of them sign up
with one press, later ones with two. A program needs a form, and the two seconds, for each ten sign-ups.
"""


class SignupVerdict(IntEnum):
    """The verdict about a sign-up. The script answers these numbers."""

    TAKEN = 0
    REPEATED = 1
    """The same post was stored before, as when a page is reloaded."""
    FORM_USED_UP = 2
    """The form brought many sign-ups: the next one needs another."""
    NETWORK_LIMITED = 3
    """The network is over its limit, or all together are."""
    ADDRESS_LIMITED = 4
    """The address is over its limit. Nothing is stored, and nobody is told."""


class Admission(NamedTuple):
    """The verdict, with its number."""

    verdict: SignupVerdict
    number: int
    """Where it is TAKEN: counts the sign-ups of its network in an hour. Where it is NETWORK_LIMITED: the seconds until
    the next one is taken."""


_SCRIPT = """
local post, form = KEYS[1], KEYS[2]
local form_kept_for, most_uses, networks, all = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local limits = #KEYS - 2
local function key(i) return KEYS[i + 2] end
local function most(i) return tonumber(ARGV[2 * i + 3]) end
local function kept_for(i) return ARGV[2 * i + 4] end
local function count(i) return tonumber(redis.call('GET', key(i)) or '0') end
local function wait(i) return math.max(redis.call('TTL', key(i)), 1) end
local function add(name, seconds)
  local found = redis.call('INCR', name)
  if found == 1 then redis.call('EXPIRE', name, seconds) end
  return found
end
if redis.call('EXISTS', post) == 1 then return {1, 0} end
if add(form, form_kept_for) > most_uses then return {2, 0} end
for i = 1, networks do
  if count(i) >= most(i) then return {3, wait(i)} end
end
if count(all) >= most(all) and count(networks) > 0 then return {3, wait(all)} end
local rank = 1
for i = 1, all do
  local found = add(key(i), kept_for(i))
  if i == networks then rank = found end
end
for i = all + 1, limits do
  if count(i) >= most(i) then return {4, 0} end
end
for i = all + 1, limits do add(key(i), kept_for(i)) end
return {0, rank}
"""
"""The keys are those of the post and of its form, and of the limits: of the networks, of all, and of the address. The
address is looked at last: whatever was counted of it, the answer to somebody else is the same."""


class SignupPost:
    """A posted sign-up: the form with this token, filled in like this."""

    def __init__(self, redis: Redis, form_token: str, address: str, preferences: Preferences) -> None:
        self._redis, self._is_reached = redis, True
        token = tokens.clean_token(form_token).encode()
        post = json.dumps([address, preferences.columns()], sort_keys=True).encode()
        self._form_key = f"newsletter:forms:{sha256(token).hexdigest()[:32]}"
        self._post_key = f"newsletter:forms:{hmac.digest(token, post, 'sha256')[:16].hex()}"

    def admit(self, limits: SignupLimits) -> Admission:
        """Count the sign-up, and say whether it is taken."""
        keys = [self._post_key, self._form_key, *limits.keys]
        args = [_KEPT_FOR, MOST_USES, limits.networks, limits.networks + 1, *limits.numbers]
        try:
            reply = _script()(keys=keys, args=args, client=self._redis)
        except RedisError as error:
            log.warning("sign-ups are not limited while Redis is away (%s)", type(error).__name__)
            self._is_reached = False
            return Admission(SignupVerdict.TAKEN, 1)
        verdict, number = cast("list[int]", reply)
        if verdict == SignupVerdict.TAKEN and not limits.is_known:
            number = 1
        return Admission(SignupVerdict(verdict), number)

    def remember(self) -> None:
        """Remember that the post is stored. Call it after the commit: a post that failed may be sent again."""
        if not self._is_reached:
            return  # waiting for it once is enough
        try:
            self._redis.set(self._post_key, 1, ex=_KEPT_FOR)
        except RedisError as error:
            log.warning("a sign-up's form is not remembered while Redis is away (%s)", type(error).__name__)


@cache
def _script() -> Script:
    """The script, which is sent to Redis once and then called by its hash."""
    return Script(Redis(), _SCRIPT)
