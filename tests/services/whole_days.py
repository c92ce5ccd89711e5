"""The kinds of database on which the longest tests run: SQLite in `make test`, PostgreSQL too in `make chaos`."""

from __future__ import annotations

import os

KINDS = ("sqlite", "postgresql") if os.environ.get("WHOLE_DAY") == "both" else ("sqlite",)
