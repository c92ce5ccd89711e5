"""The report of `newsletter articles import`: outcomes on stdout, remarks on stderr, or all of it as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from newsletter.articles.errors import PageError
from newsletter.articles.importing import ImportedPage
from newsletter.cli.output import say
from newsletter.core.errors import NewsletterError


@dataclass
class ImportReport:
    """The outcomes of the files. Its values are the JSON that is printed."""

    values: dict[str, list[Any]] = field(
        default_factory=lambda: {"created": [], "revised": [], "unchanged": [], "refused": [], "remarks": []}
    )
    outcomes: list[str] = field(default_factory=list)
    """Lines for stdout that were not printed yet."""
    remarks: list[str] = field(default_factory=list)
    """Lines for stderr."""

    def add(self, file: Path, imported: ImportedPage, said: Sequence[str]) -> None:
        self.values[imported.outcome].append(imported.slug)
        self.outcomes.append(f"{imported.outcome.ljust(9)}  {imported.slug}")
        if imported.outcome != "unchanged":
            name = click.format_filename(file)
            self.values["remarks"] += [{"file": name, "remark": each} for each in said]
            self.remarks += [f"{name}: {each}" for each in said]

    def refuse(self, file: Path, error: NewsletterError) -> None:
        name = click.format_filename(file)
        line, reason = (error.line, error.reason) if isinstance(error, PageError) else (None, str(error))
        self.values["refused"].append({"file": name, "line": line, "reason": reason})
        self.remarks.append(f"{name}: {reason}" if line is None else f"{name}, line {line}: {reason}")

    def print(self, *, outcomes: bool) -> None:
        """Print what is new: the remarks, and the outcomes if they are wanted."""
        for line in self.outcomes if outcomes else ():
            click.echo(line)
        for line in self.remarks:
            say(line, err=True)
        self.outcomes.clear()
        self.remarks.clear()
