"""Actors, who cause changes of state. Views, commands and jobs hand them down to the module that writes the state."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ActorKind(StrEnum):
    """The kinds of actors."""

    READER = "reader"
    EDITOR = "editor"
    """A person of the staff, in whatever role."""
    VISITOR = "visitor"
    """Somebody at the desk who is not signed in."""
    OPERATOR = "operator"
    """A person at the command line."""
    CLOCK = "clock"
    WORKER = "worker"
    PROVIDER = "provider"
    """A mail provider or mail server, by what it reports."""


@dataclass(frozen=True)
class Actor:
    """An actor; `id` is the number of an editor's account, and None for all others."""

    kind: ActorKind
    id: int | None = None

    def __str__(self) -> str:
        return self.kind if self.id is None else f"{self.kind} {self.id}"


READER = Actor(ActorKind.READER)
VISITOR = Actor(ActorKind.VISITOR)
OPERATOR = Actor(ActorKind.OPERATOR)
CLOCK = Actor(ActorKind.CLOCK)
WORKER = Actor(ActorKind.WORKER)
PROVIDER = Actor(ActorKind.PROVIDER)
