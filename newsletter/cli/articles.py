"""`newsletter articles`: what editors curate."""

from __future__ import annotations

from flask.cli import AppGroup

articles = AppGroup("articles", help="Articles: import, list, show.")
