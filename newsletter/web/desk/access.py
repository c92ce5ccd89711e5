"""The rights that each view of the desk needs. A view that does not say it is open to nobody.

    @desk.get("/digests")
    @needs(Right.WRITE)
    def digests() -> str: ...

    @desk.post("/digests/<int:number>/send")
    @needs(Right.SEND, recent_proof=True)
    def send(number: int) -> Response: ...

The decorator of the route stands above. `recent_proof` asks for a passkey or a code when the last one is older than
10 minutes, on a page in between that loses nothing that was entered (`proof`). A view that a page polls has
`is_activity=False`, so that an open page alone keeps nobody signed in. Objects of others are the view's own matter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, TypeVar

from newsletter.staff.rights import Right

V = TypeVar("V", bound=Callable[..., Any])

_ATTRIBUTE = "desk_access"


class Everybody(Enum):
    """Access without a right."""

    SIGNED_IN = auto()
    """Everybody who is signed in: for one's own account."""
    VISITOR = auto()
    """Anybody: signing in, and links by mail."""


@dataclass(frozen=True)
class Access:
    """The needs of a view."""

    need: Right | Everybody
    recent_proof: bool = False
    is_activity: bool = True


def needs(need: Right | Everybody, *, recent_proof: bool = False, is_activity: bool = True) -> Callable[[V], V]:
    """Declare the needs of a view."""

    def decorate(view: V) -> V:
        setattr(view, _ATTRIBUTE, Access(need, recent_proof, is_activity))
        return view

    return decorate


def access_of(view: Callable[..., Any] | None) -> Access | None:
    """The needs of a view; None where none are declared."""
    found: Access | None = getattr(view, _ATTRIBUTE, None)
    return found
