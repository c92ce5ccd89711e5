"""The states of a batch, and the transitions between them.

`delivery.ledger` alone writes a batch's state and what belongs to it: outcomes, attempt, lease, pauses, the provider's
name for it, and what went wrong. Each write is conditional in SQL on the states in which its transition may begin, so
that of two who try it one succeeds. `claims` makes the transitions of a worker that has the batch; the clock's are in
`recovery` and `withdrawal`, an editor's in `resolving`, `retrying` and `cancelling`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, CursorResult, SQLColumnExpression, update
from sqlalchemy.orm import Session

from newsletter.delivery.ledger.models import Batch, BatchState
from newsletter.delivery.ledger.outcome_bytes import Outcomes

_S = BatchState


class BatchTransition(NamedTuple):
    """A change that is allowed from some states."""

    sources: tuple[BatchState, ...]
    target: BatchState | None
    """None: the state that the outcomes make (`Outcomes.batch_state`)."""

    def is_allowed(self, state: SQLColumnExpression[BatchState]) -> ColumnElement[bool]:
        """The condition in SQL on a batch's `state`."""
        if len(self.sources) == 1:  # IN would be written anew at each execution
            return state == self.sources[0]
        return state.in_(self.sources)


CLAIM = BatchTransition((_S.READY,), _S.CLAIMED)
RELEASE = BatchTransition((_S.CLAIMED,), _S.READY)
"""Nothing was sent: by the worker, or by the clock when the lease is over."""
MARK_SENDING = BatchTransition((_S.CLAIMED,), _S.SENDING)
RENEW = BatchTransition((_S.SENDING,), _S.SENDING)
FINISH = BatchTransition((_S.SENDING,), None)
"""By the worker, or by the clock when the lease is over."""
RECORD_LATE = BatchTransition((_S.READY, _S.DONE, _S.IN_DOUBT), None)
"""By a worker whose batch the clock has taken back, and nobody has claimed since."""
SPLIT = BatchTransition((_S.IN_DOUBT,), _S.IN_DOUBT)
"""Its open recipients go to a batch of their own."""
RESOLVE = BatchTransition((_S.IN_DOUBT,), None)
WITHDRAW = BatchTransition((_S.READY, _S.DONE, _S.IN_DOUBT), None)
RETRY = BatchTransition((_S.READY, _S.DONE, _S.IN_DOUBT), None)
CANCEL = BatchTransition((_S.READY,), None)


def change_batch(
    session: Session, batch: Batch, transition: BatchTransition, outcomes: Outcomes | None = None, **values: Any
) -> bool:
    """Make a transition of a batch that no worker has, as it was read; whether it was made.

    `outcomes` replace those of the batch; `values` are further columns. False when the batch is in another state or at
    another attempt by now.
    """
    outcomes = outcomes or Outcomes(batch.outcomes)
    changed = session.execute(
        update(Batch)
        .where(Batch.id == batch.id, Batch.attempt == batch.attempt, transition.is_allowed(Batch.state))
        .values(state=transition.target or outcomes.batch_state(), outcomes=bytes(outcomes), **values)
    )
    assert isinstance(changed, CursorResult)
    return changed.rowcount == 1
