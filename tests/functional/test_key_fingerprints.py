"""A host with another key is noticed when it starts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import select

from newsletter.cli import cli
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.errors import ConfigurationError
from newsletter.core.ids import SuppressionKey
from newsletter.core.key_fingerprints import KeyFingerprint, check_keys
from newsletter.core.runtime import runtime
from newsletter.subscribers.models import Subscriber

OTHER = "another key, as long as it must be"


def test_the_same_keys_pass_and_are_not_kept_in_plain(db: Database, settings: Settings) -> None:
    check_keys(db, settings)
    check_keys(db, settings)
    with db.reading() as session:
        rows = session.scalars(select(KeyFingerprint)).all()
    assert {row.name for row in rows} == {"SUPPRESSION_KEY", "SECRET_KEY"}
    assert all(settings.secret_key.encode() not in row.digest for row in rows)


def test_another_suppression_key_stops_it(db: Database, settings: Settings) -> None:
    check_keys(db, settings)
    with pytest.raises(ConfigurationError, match="SUPPRESSION_KEY is not the one"):
        check_keys(db, replace(settings, suppression_key=SuppressionKey(OTHER)))


def test_another_secret_key_stops_it_unless_the_known_one_is_a_fallback(db: Database, settings: Settings) -> None:
    check_keys(db, settings)
    with pytest.raises(ConfigurationError, match="SECRET_KEY is not the one"):
        check_keys(db, replace(settings, secret_key=OTHER))
    check_keys(db, replace(settings, secret_key=OTHER, secret_key_fallbacks=(settings.secret_key,)))
    check_keys(db, replace(settings, secret_key=OTHER))  # taken over
    with pytest.raises(ConfigurationError):
        check_keys(db, settings)


def test_an_import_with_another_key_brings_nobody_back(
    app: Flask, db: Database, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    check_keys(db, settings)
    file = tmp_path_factory.mktemp("import") / "readers.csv"
    file.write_text("email\nada@example.org\n")
    object.__setattr__(runtime().settings, "suppression_key", SuppressionKey(OTHER))
    result = app.test_cli_runner().invoke(cli, ["subscribers", "import", str(file)])
    assert result.exit_code != 0
    assert "SUPPRESSION_KEY is not the one" in result.stderr
    with db.reading() as session:
        assert session.scalars(select(Subscriber)).all() == []
