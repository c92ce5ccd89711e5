"""The outcomes of a batch: one byte for each recipient, in the order of the packed ids."""

from __future__ import annotations

from collections.abc import Iterable

from newsletter.delivery.ledger.models import BatchState
from newsletter.mail.outcomes import ACCEPTED, CANCELLED, DEFERRED, IN_DOUBT, REFUSED, SKIPPED, WAITING


class Outcomes:
    """Owns a copy of the bytes that it is made from; `bytes(outcomes)` is what a column holds.

    An open recipient is one who waits or was deferred: the next attempt sends to them.
    """

    __slots__ = ("_codes",)

    def __init__(self, codes: bytes | Outcomes) -> None:
        self._codes = bytearray(bytes(codes))

    def __bytes__(self) -> bytes:
        return bytes(self._codes)

    def __len__(self) -> int:
        return len(self._codes)

    def __getitem__(self, position: int) -> int:
        return self._codes[position]

    def __repr__(self) -> str:
        return f"Outcomes({bytes(self._codes)!r})"

    def batch_state(self) -> BatchState:
        """The state of a batch with these outcomes that no worker has."""
        if IN_DOUBT in self._codes:
            return BatchState.IN_DOUBT
        return BatchState.READY if WAITING in self._codes or DEFERRED in self._codes else BatchState.DONE

    @property
    def any_deferred(self) -> bool:
        return DEFERRED in self._codes

    def open_positions(self) -> list[int]:
        """The positions of open recipients, in order."""
        return [position for position, code in enumerate(self._codes) if code in (WAITING, DEFERRED)]

    def record(self, position: int, code: int) -> None:
        """Keep the answer for one recipient."""
        self._codes[position] = code

    def record_all(self, positions: Iterable[int], codes: Iterable[int]) -> None:
        """Keep a transport's answers. A recipient without one stays as they were: the time since a deferral counts."""
        for position, code in zip(positions, codes, strict=True):
            if code != WAITING:
                self._codes[position] = code

    def accept_open(self, positions: Iterable[int]) -> None:
        """Count those of `positions` that are open as accepted."""
        self._change_open(positions, ACCEPTED)

    def skip(self, position: int) -> None:
        """Count a recipient who unsubscribed or was suppressed since the freeze."""
        self._codes[position] = SKIPPED

    def assume_in_doubt(self, positions: Iterable[int]) -> Outcomes:
        """A copy in which those of `positions` that are open are in doubt: they are in a request without an answer."""
        assumed = Outcomes(self)
        assumed._change_open(positions, IN_DOUBT)
        return assumed

    def refuse_deferred(self) -> list[int]:
        """Count the deferred as refused; their positions."""
        refused = [position for position, code in enumerate(self._codes) if code == DEFERRED]
        self._replace(DEFERRED, REFUSED)
        return refused

    def resolve(self, *, was_sent: bool) -> None:
        """Count the recipients in doubt as accepted, or have them wait again."""
        self._replace(IN_DOUBT, ACCEPTED if was_sent else WAITING)

    def withdraw(self) -> None:
        """Have everyone wait again whose mail the provider kept, or perhaps kept, until its time."""
        self._replace(ACCEPTED, WAITING)
        self._replace(IN_DOUBT, WAITING)

    def doubt_accepted(self) -> None:
        """Doubt what the provider kept until its time: it may have been withdrawn."""
        self._replace(ACCEPTED, IN_DOUBT)

    def retry(self, position: int) -> bool:
        """Have a refused recipient wait again; False when the recipient was not refused."""
        if self._codes[position] != REFUSED:
            return False
        self._codes[position] = WAITING
        return True

    def cancel_open(self) -> None:
        """Count the open recipients as cancelled."""
        self._replace(WAITING, CANCELLED)
        self._replace(DEFERRED, CANCELLED)

    def _change_open(self, positions: Iterable[int], code: int) -> None:
        for position in positions:
            if self._codes[position] in (WAITING, DEFERRED):
                self._codes[position] = code

    def _replace(self, old: int, new: int) -> None:
        self._codes = self._codes.replace(bytes([old]), bytes([new]))
