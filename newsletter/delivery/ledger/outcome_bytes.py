"""The outcomes of a batch: one byte for each recipient, in the order of the packed ids."""

from __future__ import annotations

from collections.abc import Iterable

from newsletter.delivery.ledger.models import BatchState
from newsletter.mail.outcomes import (
    ACCEPTED,
    CANCELLED,
    DEFERRED,
    IN_DOUBT,
    MOVED,
    NEXT_WITHOUT_ANSWER,
    REFUSED,
    SKIPPED,
    UNANSWERED,
    UNANSWERED_TWICE,
    WAITING,
)

_ASIDE = (UNANSWERED, UNANSWERED_TWICE)
_OPEN = (WAITING, DEFERRED, *_ASIDE)

_REPLACED_BY = {
    ACCEPTED: (*_OPEN, IN_DOUBT, CANCELLED),
    REFUSED: (*_OPEN, IN_DOUBT),
    WAITING: (IN_DOUBT,),
    **dict.fromkeys((DEFERRED, *_ASIDE), (WAITING, IN_DOUBT)),
    IN_DOUBT: (WAITING,),
}
"""The outcomes that a late answer replaces, by the answer. WAITING: no request was made."""


class Outcomes:
    """Owns a copy of the bytes that it is made from; `bytes(outcomes)` is what a column holds.

    An open recipient is one who waits, was deferred, or was set aside: the next attempt sends to them.
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
        return BatchState.READY if any(code in self._codes for code in _OPEN) else BatchState.DONE

    @property
    def any_deferred(self) -> bool:
        return DEFERRED in self._codes

    def open_positions(self) -> list[int]:
        """The positions of open recipients, in order; those who were set aside come last."""
        positions = [position for position, code in enumerate(self._codes) if code in _OPEN]
        if any(code in self._codes for code in _ASIDE):
            positions.sort(key=lambda position: self._codes[position] in _ASIDE)
        return positions

    def record(self, position: int, code: int) -> None:
        """Keep the answer for one recipient."""
        self._codes[position] = code

    def record_all(self, positions: Iterable[int], codes: Iterable[int]) -> None:
        """Keep a transport's answers. A recipient without one stays as they were: the time since a deferral counts."""
        for position, code in zip(positions, codes, strict=True):
            if code != WAITING:
                self._codes[position] = code

    def set_aside(self, position: int) -> bool:
        """Count a message without an answer: the recipient is sent to again after the others. False after two repeats:
        now the recipient is in doubt."""
        self._codes[position] = NEXT_WITHOUT_ANSWER.get(self._codes[position], UNANSWERED)
        return self._codes[position] != IN_DOUBT

    @property
    def any_in_doubt(self) -> bool:
        return IN_DOUBT in self._codes

    def move_open(self) -> list[int]:
        """Leave the open recipients to another batch; their positions, rising."""
        positions = sorted(self.open_positions())
        self._change_open(positions, MOVED)
        return positions

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

    def without_refusals_since(self, before: bytes) -> Outcomes:
        """A copy in which recipients are as they were `before` who were refused since."""
        pairs = zip(self._codes, before, strict=True)
        return Outcomes(bytes(old if code == REFUSED else code for code, old in pairs))

    def learn(self, position: int, code: int) -> None:
        """Keep an answer that came late: after the recipient was put in doubt, or had to wait again."""
        if self._codes[position] in _REPLACED_BY.get(code, ()):
            self._codes[position] = code

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
        """Count the open recipients as cancelled. Those who were set aside are in doubt: they may have it."""
        self._replace(WAITING, CANCELLED)
        self._replace(DEFERRED, CANCELLED)
        for code in _ASIDE:
            self._replace(code, IN_DOUBT)

    def _change_open(self, positions: Iterable[int], code: int) -> None:
        for position in positions:
            if self._codes[position] in _OPEN:
                self._codes[position] = code

    def _replace(self, old: int, new: int) -> None:
        self._codes = self._codes.replace(bytes([old]), bytes([new]))
