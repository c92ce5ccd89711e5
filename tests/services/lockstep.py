"""Workers that go on only when they are told to, from one step to the next, so that a test can interleave them at will.

They run the real code of a draining job; only the provider at its end is a model.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from queue import SimpleQueue

from newsletter.delivery.ledger import claims
from newsletter.delivery.sending.batch_sending import send_batch
from newsletter.delivery.sending.recording import record_outcomes
from newsletter.delivery.sending.sending_context import SendingContext
from newsletter.mail.message import Message, Recipient
from newsletter.mail.outcomes import SendResult
from newsletter.mail.tracking import Tracking
from newsletter.mail.transports.errors import InDoubtError, NotAcceptedError, RefusedForGoodError

DEADLINE = 3.0


class Order(Enum):
    """The next event for a worker."""

    GO_ON = "all goes well"
    LOSE = "the answer is lost"
    LATER = "the provider takes nothing at present"
    REFUSE = "the provider refuses for good"
    KILL = "kill -9"


class KilledError(BaseException):
    """The end of a worker. Its memory is lost."""


class PromiseBrokenError(BaseException):
    """A broken promise. Not an Exception: the code under test takes those for a provider's mistakes."""


class Provider:
    """The receiving side."""

    def __init__(self, time: Callable[[], float], begins: Callable[[Sequence[Recipient]], None]) -> None:
        """`begins` asserts what it will when a worker turns to the provider with those who wait in its batch."""
        self.time = time
        self._begins = begins
        self.mailed: Counter[int] = Counter()
        """How often each reader was mailed."""
        self.taken: set[tuple[str, str]] = set()
        """Batch and attempt of what was taken."""
        self.mishaps: Counter[int] = Counter()
        """How often a reader's message was taken and nobody heard of it."""
        self.talking: dict[Worker, tuple[str, float]] = {}
        """The batch that each worker is sending, and since when."""

    def begins(self, recipients: Sequence[Recipient]) -> None:
        try:
            self._begins(recipients)
        except AssertionError as error:
            raise PromiseBrokenError(str(error)) from error

    @contextmanager
    def conversation(self, worker: Worker, message: Message) -> Iterator[None]:
        """A worker sends a batch. No other worker may be sending it, unless its time is over. (A killed worker may have
        a request on its way.)"""
        batch = dict(message.reference)["batch"]
        for other, (theirs, since) in self.talking.items():
            if other is not worker and theirs == batch and self.time() - since <= DEADLINE:
                raise PromiseBrokenError("two workers send one batch")
        self.talking[worker] = (batch, self.time())
        try:
            yield
        except Exception:
            del self.talking[worker]
            raise
        del self.talking[worker]

    def take(self, worker: Worker, message: Message, recipients: Sequence[Recipient]) -> None:
        """Take a request that comes in time."""
        if self.time() - self.talking[worker][1] > DEADLINE:
            raise NotAcceptedError("test.failure", "The time for asking is over.")
        reference = dict(message.reference)
        self.taken.add((reference["batch"], reference["attempt"]))
        self.mailed.update(recipient.id for recipient in recipients)

    def answers_in_time(self, worker: Worker) -> bool:
        return self.time() - self.talking[worker][1] <= DEADLINE


class Worker:
    """A thread that works on one batch."""

    def __init__(self, context: SendingContext) -> None:
        self.context = context
        self.at = ""
        """Where it waits for an order; empty when it has ended."""
        self.error: BaseException | None = None
        self._orders: SimpleQueue[Order] = SimpleQueue()
        self._stops: SimpleQueue[str] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._wait()

    def order(self, order: Order) -> None:
        """Go on to the next stop, or to the end."""
        self._orders.put(order)
        self._wait()

    def stop(self, where: str) -> Order:
        """Called within the thread."""
        self._stops.put(where)
        order = self._orders.get()
        if order is Order.KILL:
            raise KilledError
        return order

    def _wait(self) -> None:
        self.at = self._stops.get()
        if not self.at:
            self._thread.join()
        if isinstance(self.error, PromiseBrokenError):
            raise AssertionError(str(self.error)) from self.error
        if self.error:
            raise self.error

    def _run(self) -> None:
        try:
            self._work()
        except KilledError:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again by whoever gives the orders
            self.error = error
        finally:
            self._stops.put("")

    def _work(self) -> None:
        """The part of `draining.drain` that is about one batch."""
        with self.context.db.transaction() as session:
            claim = claims.claim_batch(session)
        if claim is None:
            return
        self.stop("claimed")
        run = send_batch(self.context, claim)
        if run is None:
            return
        try:
            self.stop("answered")
            with self.context.db.transaction() as session:
                recorded = record_outcomes(session, run)
            self.stop("recorded")
            if recorded:
                run.progress.delete()
        finally:
            run.progress.close()


class Whole:
    """Takes or refuses all recipients in one answer, as SendGrid does."""

    name = "whole"
    all_or_nothing = True
    idempotent = False
    unrecorded_tracking = Tracking.UNKNOWN
    deadline = silence = DEADLINE

    def __init__(self, provider: Provider) -> None:
        self.worker: Worker
        self._provider = provider

    def send(self, message: Message, recipients: Sequence[Recipient], result: SendResult) -> None:
        if not result.may_continue():
            return
        self._provider.begins(recipients)
        with self._provider.conversation(self.worker, message):
            self._ask(message, recipients)
        result.accept_rest("a name")

    def close(self) -> None:
        """Nothing is open."""

    def _ask(self, message: Message, recipients: Sequence[Recipient]) -> None:
        order = self.worker.stop("asking")
        if order is Order.LATER:
            raise NotAcceptedError("test.failure", "Later.")
        if order is Order.REFUSE:
            raise RefusedForGoodError("test.failure", "The key is wrong.")
        if order is Order.LOSE:
            raise InDoubtError("test.failure", "The connection was reset before the request was read.")
        self._provider.take(self.worker, message, recipients)
        if self.worker.stop("taken") is Order.LOSE or not self._provider.answers_in_time(self.worker):
            raise InDoubtError("test.failure", "The answer was lost.")


class Each:
    """Answers for each message, as a mail server does."""

    name = "each"
    all_or_nothing = False
    idempotent = False
    unrecorded_tracking = Tracking.NOT_OFFERED
    deadline = silence = DEADLINE

    def __init__(self, provider: Provider) -> None:
        self.worker: Worker
        self._provider = provider
        self._begun: tuple[tuple[str, str], ...] = ()

    def send(self, message: Message, recipients: Sequence[Recipient], result: SendResult) -> None:
        if message.reference != self._begun:  # after a failed message the same claim goes on with the others,
            self._begun = message.reference  # and a pause reaches it with its next renewal
            self._provider.begins(recipients)
        for index in result.waiting():
            if not result.may_continue():
                return
            with self._provider.conversation(self.worker, message):
                self._ask(message, recipients[index], index, result)

    def close(self) -> None:
        """Nothing is open."""

    def _ask(self, message: Message, recipient: Recipient, index: int, result: SendResult) -> None:
        order = self.worker.stop("asking")
        if order is Order.LATER:
            result.deferred(index, "451 Later")
        elif order is Order.REFUSE:
            result.refused(index, "550 Unknown")
        elif order is Order.LOSE:
            raise NotAcceptedError("test.failure", "The connection was reset before the message.")
        else:
            self._provider.take(self.worker, message, [recipient])
            self._provider.mishaps[recipient.id] += 1
            if self.worker.stop("taken") is Order.LOSE or not self._provider.answers_in_time(self.worker):
                raise InDoubtError("test.failure", "The answer was lost.")
            self._provider.mishaps[recipient.id] -= 1
            result.accepted(index)
