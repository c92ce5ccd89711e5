"""Numbers as people type them."""

from __future__ import annotations

import click

ROW = click.IntRange(max=2**63 - 1)
"""The number of a digest or a batch: no database counts further."""
