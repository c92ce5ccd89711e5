"""The types of transactional mails: a payload for the outgoing table, and the function that composes the mail.

`newsletter.mail` knows none of them. The packages that send mails define theirs, and `operations.mail_registry`
brings them together for the worker.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from functools import cache, partial
from typing import Any, ClassVar, Generic, Self, TypeAlias, TypeVar, get_type_hints

from sqlalchemy.orm import Session

from newsletter.core.config import Settings
from newsletter.mail.message import Message, Recipient


@dataclass(frozen=True)
class MailPayload:
    """The base of payloads: frozen dataclasses of texts, flags, times, words of a StrEnum, or tuples of texts.

    `kind` names the mail in the outgoing table. A payload holds no token: tokens are made when the mail is composed.
    """

    kind: ClassVar[str]

    def to_json(self) -> dict[str, Any]:
        """Plain data for the table's JSON column; times in ISO 8601."""
        return {field.name: _to_plain(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The payload that `to_json` made plain."""
        return cls(**{name: _from_plain(hint, values[name]) for name, hint in cls._hints()})

    @classmethod
    @cache  # reading them takes longer than all else
    def _hints(cls) -> list[tuple[str, Any]]:
        hints = get_type_hints(cls)
        return [(field.name, hints[field.name]) for field in fields(cls)]


P = TypeVar("P", bound=MailPayload)


@dataclass(frozen=True)
class WaitingMail(Generic[P]):
    """A row of the outgoing table, as the composer of its mail gets it."""

    id: int
    subscriber_id: int | None
    payload: P


Compose: TypeAlias = "Callable[[WaitingMail[P]], tuple[Message, Recipient] | None]"
"""Composes a mail; None when there is nothing to send any more."""

Composer: TypeAlias = "Callable[[Session, Settings, Sequence[WaitingMail[P]]], Compose[P]]"
"""Reads what some mails are about, by one statement for all, and returns what composes each of them."""


def one_by_one(
    compose: Callable[[Session, Settings, WaitingMail[P]], tuple[Message, Recipient] | None],
) -> Composer[P]:
    """The composer of mails that are rare: each reads what it is about by itself."""
    return lambda session, settings, _mails: partial(compose, session, settings)


@dataclass(frozen=True)
class MailType(Generic[P]):
    """A payload's type and the composer of its mails."""

    payload: type[P]
    composer: Composer[P]


MailTypes: TypeAlias = "Mapping[str, MailType[Any]]"
"""Mail types by their payload's kind."""


def by_kind(*mail_types: MailType[Any]) -> MailTypes:
    """The registry of `mail_types`. Raises ValueError when two have one kind."""
    found = {mail_type.payload.kind: mail_type for mail_type in mail_types}
    if len(found) != len(mail_types):
        raise ValueError("two types of mails have one kind")
    return found


def _to_plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


def _from_plain(hint: Any, value: Any) -> Any:
    if hint is datetime:
        return datetime.fromisoformat(value)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint(value)
    return tuple(value) if isinstance(value, list) else value
