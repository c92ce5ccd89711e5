"""The pause between two mails to one mailbox that somebody requests, by whatever spelling of its address.

Each address has its own pause in the database (`backoff`). A stranger who varies an address, by what stands behind a
"+" or by dots at Gmail, would begin a new one with each spelling. So the mails to a mailbox are counted too.

Redis keeps a count for an hour, under a hash with the random salt of that hour (`salts`). A mailbox identifies nobody:
two spellings may be two people's. So a mail waits for its pause, up to an hour, before it is left out. Without Redis
the pauses of addresses alone hold.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import NamedTuple, cast

from redis import Redis
from redis.commands.core import Script
from redis.exceptions import RedisError

from newsletter.core import clock
from newsletter.core.ids import AddressKey
from newsletter.core.runtime import Runtime
from newsletter.subscribers import addresses, backoff, salts

log = logging.getLogger(__name__)

LONGEST_WAIT = timedelta(hours=1)
ENTERED = "entered address"
"""The kind of mails to an address that somebody entered: to sign up, or to change to it. One-time links are a kind for
each purpose, so that a stranger's sign-ups keep no reader from their data."""

_KEPT_FOR = timedelta(hours=1)
_PAUSES = [backoff.pause_after(mails) for mails in range(1, 5)]
"""The last one is longer than any mail waits."""

_SCRIPT = """
local now, longest_wait, kept_for = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local answers = {}
for i, key in ipairs(KEYS) do
  local mails = tonumber(redis.call('HGET', key, 'mails') or '0')
  local last = tonumber(redis.call('HGET', key, 'last') or '0')
  local wait = 0
  if mails > 0 then
    local pause = tonumber(ARGV[3 + math.min(mails, #ARGV - 3)])
    wait = math.max(0, last + pause - now)
  end
  if wait > longest_wait then
    wait = -1
  else
    redis.call('HSET', key, 'mails', mails + 1, 'last', now + wait)
    redis.call('EXPIRE', key, kept_for)
  end
  answers[i] = {wait, mails, last}
end
return answers
"""


class _Count(NamedTuple):
    """The count of a mailbox before a mail was added to it."""

    key: str
    mails: int
    last: int


@dataclass
class MailboxPauses:
    """The pauses of all mailboxes in this hour."""

    redis: Redis
    salt: bytes
    _is_away: bool = False
    """Redis did not answer. A caller may hold a transaction, so waiting for it once is enough."""
    _before: list[_Count] = field(default_factory=list)

    @classmethod
    def present(cls, runtime: Runtime) -> MailboxPauses:
        """The pauses of the present hour. To be called outside of transactions, since it may replace the salt."""
        return cls(runtime.queues.redis, salts.present_salt(runtime.db))

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count the mails that are asked for within, around a transaction. When an error leaves it, none of them was
        added, and all are taken back: else the next try would wait for them, and after a few their mails be left out.
        """
        self._before.clear()
        try:
            yield
        except BaseException:
            self._take_back()
            raise

    def wait_before_mail(
        self, address_key: AddressKey, kind: str = ENTERED, *, longest_wait: timedelta = LONGEST_WAIT
    ) -> timedelta | None:
        """How long a mail of this kind to the address has to wait; with the answer it is counted.

        None: for longer than `longest_wait`. Then it is left out, and not counted.
        """
        (wait,) = self.waits_before_mails([address_key], kind, longest_wait=longest_wait)
        return wait

    def waits_before_mails(
        self, address_keys: Sequence[AddressKey], kind: str = ENTERED, *, longest_wait: timedelta = LONGEST_WAIT
    ) -> list[timedelta | None]:
        """The same for a mail to each of many addresses, asked for together."""
        if self._is_away or not address_keys:
            return [timedelta()] * len(address_keys)
        seconds = [int(length.total_seconds()) for length in (longest_wait, _KEPT_FOR, *_PAUSES)]
        args = [int(clock.now().timestamp()), *seconds]
        keys = [self._key(each, kind) for each in address_keys]
        try:
            answers = cast("list[list[int]]", _script()(keys=keys, args=args, client=self.redis))
        except RedisError as error:
            self._is_away = True
            log.warning("mailboxes have no pause while Redis is away (%s)", type(error).__name__)
            return [timedelta()] * len(address_keys)
        self._before += [_Count(key, *before) for key, (wait, *before) in zip(keys, answers, strict=True) if wait >= 0]
        return [None if wait < 0 else timedelta(seconds=wait) for wait, *_ in answers]

    def _take_back(self) -> None:
        with suppress(RedisError), self.redis.pipeline() as together:
            for key, mails, last in reversed(self._before):
                if mails:
                    together.hset(key, mapping={"mails": mails, "last": last})
                else:
                    together.delete(key)
            together.execute()

    def _key(self, address_key: AddressKey, kind: str) -> str:
        name = f"mailbox {addresses.mailbox(address_key)} {kind}".encode()
        return f"newsletter:mailboxes:{hmac.digest(self.salt, name, 'sha256')[:16].hex()}"


@cache
def _script() -> Script:
    """The script, which is sent to Redis once and then called by its hash."""
    return Script(Redis(), _SCRIPT)
