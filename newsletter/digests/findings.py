"""Findings of the preflight, as data: one shape for commands, JSON, and the note of a paused digest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Finding:
    """One thing that the preflight found.

    `message` and `remedy` are English with places like %(slug)s for `values`; neither names a command or a button.
    """

    code: str
    """Stable, such as "mail.too_large"."""
    where: str
    """"settings", "articles", "texts", or "mail"."""
    message: str
    """The fault, in a sentence."""
    remedy: str
    """How to mend it."""
    values: Mapping[str, object] = field(default_factory=dict)
    blocks: bool = True
    """Whether the digest must not be sent so; otherwise an editor decides."""

    @property
    def sentence(self) -> str:
        """The message with its values."""
        return self.message % self.values

    @property
    def advice(self) -> str:
        """The remedy with its values."""
        return self.remedy % self.values


def blocking(findings: Sequence[Finding]) -> list[Finding]:
    """Those that keep a digest from being sent."""
    return [finding for finding in findings if finding.blocks]


def notes(findings: Sequence[Finding]) -> list[Finding]:
    """Those that an editor should know of, and that block nothing."""
    return [finding for finding in findings if not finding.blocks]


def describe(findings: Sequence[Finding]) -> str:
    """All of them in one line: what is wrong, and how to mend it."""
    return " ".join(f"{finding.sentence} {finding.advice}" for finding in findings)
