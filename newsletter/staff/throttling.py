"""Limits of signing in, for each account and network, counted in Redis under keyed hashes for a quarter of an hour.

A stranger cannot lock anybody out: wrong passwords count for the account in the networks that they came from, and a
browser in which the person signed in before has a count of its own. Many wrong passwords from everywhere only make the
number of tries from an unknown network smaller. Wrong codes count for the account alone, since whoever enters one has
given the right password.

Without Redis there is a small allowance in each process instead: signing in must not be open to guessing meanwhile.
"""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Iterable, Sequence
from threading import Lock
from typing import NamedTuple

from redis import Redis
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

WINDOW = 900
"""Seconds."""
PASSWORD_TRIES = 5
"""For an account in one network, or in one known browser."""
TRIES_UNDER_ATTACK = 2
"""The same from an unknown browser, while an account has had more than `MOST_OF_ACCOUNT` tries."""
MOST_OF_ACCOUNT = 50
MOST_OF_NETWORK = 60
"""Of all accounts together: it may be a whole company's."""
CODE_TRIES = 5
LOCAL_TRIES = 3
"""For an account in one network, in one process, without Redis."""
MOST_LOCAL = 20
"""Of all accounts together, in one process, without Redis."""


class TryAllowance(NamedTuple):
    """Whether something may be tried."""

    allowed: bool
    remaining: int = 0
    """Tries after this one, before the wait."""
    wait: int = 0
    """Seconds until the next try, where none is allowed."""


class Counted(NamedTuple):
    """A name that tries are counted under, and how many are allowed."""

    name: str
    most: int


class SignInLimits:
    """Counts tries. `salt` is the secret of this hour's hashes; it never stands in Redis."""

    def __init__(self, redis: Redis, salt: bytes) -> None:
        self._redis, self._salt = redis, salt

    def try_password(self, email_key: str, networks: Sequence[str], browser: str = "") -> TryAllowance:
        """Count a try of a password. `networks` are those of the request, the narrowest first; `browser` is the id of a
        browser in which the person signed in before, or empty."""
        everywhere = Counted(f"account {email_key}", MOST_OF_ACCOUNT)
        counts = self._count([everywhere, *self._of_networks(networks)])
        name = f"password {email_key} {networks[0]}"
        if counts is None:
            return local_allowance.try_once(self._key(name))
        if browser:
            own = [Counted(f"browser {email_key} {browser}", PASSWORD_TRIES)]
        else:
            tries = TRIES_UNDER_ATTACK if counts[0].number > MOST_OF_ACCOUNT else PASSWORD_TRIES
            own = [Counted(name, tries)]
        own_counts = self._count(own)
        if own_counts is None:
            return local_allowance.try_once(self._key(name))
        return _allowance([*counts[1:], *own_counts])

    def forget_password_tries(self, email_key: str, networks: Sequence[str], browser: str = "") -> None:
        """Start anew after a password that was right."""
        self._forget(f"password {email_key} {networks[0]}", f"browser {email_key} {browser}")

    def try_code(self, member_id: int) -> TryAllowance:
        """Count a try of a code, by somebody who gave the right password or is signed in."""
        counts = self._count([Counted(f"code {member_id}", CODE_TRIES)])
        return local_allowance.try_once(self._key(f"code {member_id}")) if counts is None else _allowance(counts)

    def forget_code_tries(self, member_id: int) -> None:
        """Start anew after a code that was right."""
        self._forget(f"code {member_id}")

    def try_network(self, networks: Sequence[str]) -> TryAllowance:
        """Count a try that names no account, as with a passkey."""
        counts = self._count(self._of_networks(networks))
        return local_allowance.try_once(self._key(networks[0])) if counts is None else _allowance(counts)

    def _of_networks(self, networks: Sequence[str]) -> list[Counted]:
        return [Counted(f"network {name}", MOST_OF_NETWORK * 2**step) for step, name in enumerate(networks)]

    def _count(self, counted: Sequence[Counted]) -> list[_Count] | None:
        """Add one to each count, in one round trip; None without Redis."""
        try:
            with self._redis.pipeline() as pipeline:
                for name, _ in counted:
                    key = self._key(name)
                    pipeline.incr(key)
                    pipeline.expire(key, WINDOW, nx=True)
                    pipeline.ttl(key)
                replies = pipeline.execute()
        except RedisError as error:
            log.warning("sign-ins have a small allowance while Redis is away (%s)", type(error).__name__)
            return None
        triples = zip(counted, replies[::3], replies[2::3], strict=True)
        return [_Count(number, each.most, max(wait, 1)) for each, number, wait in triples]

    def _forget(self, *names: str) -> None:
        keys = [self._key(name) for name in names]
        try:
            self._redis.delete(*keys)
        except RedisError:
            local_allowance.forget(keys)

    def _key(self, name: str) -> str:
        return f"newsletter:desk:{hmac.digest(self._salt, name.encode(), 'sha256')[:16].hex()}"


class _Count(NamedTuple):
    number: int
    most: int
    wait: int


def _allowance(counts: Sequence[_Count]) -> TryAllowance:
    over = [each.wait for each in counts if each.number > each.most]
    if over:
        return TryAllowance(allowed=False, wait=max(over))
    return TryAllowance(allowed=True, remaining=min(each.most - each.number for each in counts))


class LocalAllowance:
    """The tries of this process while Redis is away."""

    def __init__(self) -> None:
        self._lock, self._tries, self._began = Lock(), dict[str, int](), 0.0

    def try_once(self, key: str) -> TryAllowance:
        """Count a try. At most `MOST_LOCAL` keys are held."""
        with self._lock:
            now = time.monotonic()
            if now - self._began > WINDOW:
                self._tries, self._began = {}, now
            wait = max(int(self._began + WINDOW - now), 1)
            if self._tries.get(key, 0) >= LOCAL_TRIES or sum(self._tries.values()) >= MOST_LOCAL:
                return TryAllowance(allowed=False, wait=wait)
            self._tries[key] = self._tries.get(key, 0) + 1
            return TryAllowance(allowed=True, remaining=LOCAL_TRIES - self._tries[key])

    def forget(self, keys: Iterable[str]) -> None:
        """Start anew for these keys alone: whoever can sign in as somebody must not get more tries of others."""
        with self._lock:
            for key in keys:
                self._tries.pop(key, None)

    def clear(self) -> None:
        """Start anew (for tests)."""
        with self._lock:
            self._tries = {}


local_allowance = LocalAllowance()
