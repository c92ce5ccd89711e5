"""Commands that are imported when they are run: what one command needs delays no other, nor `--help`."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, MutableMapping
from typing import NamedTuple

import click


class Origin(NamedTuple):
    """Where a command is, as module:name, and the sentence that `--help` shows."""

    place: str
    summary: str


class LazyCommands(MutableMapping[str, click.Command]):
    """The commands of a group by their names, each imported when it is first looked up."""

    def __init__(self, origins: dict[str, Origin]) -> None:
        self.origins = origins
        self._loaded: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._loaded and name in self.origins:
            module, _, attribute = self.origins[name].place.partition(":")
            self._loaded[name] = getattr(importlib.import_module(module), attribute)
        return self._loaded[name]

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        raise TypeError("a command stays")

    def __iter__(self) -> Iterator[str]:
        return iter({**self.origins, **self._loaded})

    def __len__(self) -> int:
        return len({**self.origins, **self._loaded})
