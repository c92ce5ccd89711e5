"""Settings: read once, typed; a wrong one stops the start and is named."""

from __future__ import annotations

import stat
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from newsletter.core.config import NAMES, from_environment
from newsletter.core.db import Database
from newsletter.core.errors import ConfigurationError


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "var"))


def test_a_single_machine_starts_with_none(tmp_path: Path) -> None:
    settings = from_environment()
    assert settings.database_url == f"sqlite:///{tmp_path}/var/newsletter.sqlite3"
    assert settings.redis_url.startswith("unix://")
    assert settings.redis_is_embedded
    assert (settings.public_url, settings.mail_transport) == ("http://localhost:8000", "maildir")


def test_keys_are_made_once_and_kept_private(tmp_path: Path) -> None:
    first, second = from_environment(), from_environment()
    assert first.secret_key == second.secret_key
    assert len(first.secret_key) > 30
    assert first.secret_key != first.suppression_key
    assert stat.S_IMODE((tmp_path / "var" / "secret_key.txt").stat().st_mode) == 0o600
    assert first.secret_key not in repr(first)


def test_a_setting_can_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("a key out of a file\n")
    monkeypatch.setenv("SECRET_KEY_FILE", str(tmp_path / "key"))
    assert from_environment().secret_key == "a key out of a file"


def test_types(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIMEZONE", "Europe/Berlin")
    monkeypatch.setenv("SECRET_KEY_FALLBACKS", "an older key of ours,another one of ours")
    monkeypatch.setenv("PUBLIC_URL", "https://letters.example.org/")
    settings = from_environment()
    assert settings.timezone == ZoneInfo("Europe/Berlin")
    assert settings.signing_keys == ("an older key of ours", "another one of ours", settings.secret_key)
    assert settings.url("/x") == "https://letters.example.org/x"
    assert settings.mail_from == "letters@letters.example.org"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "many"),
        ("PORT", "70000"),
        ("PUBLIC_URL", "letters.example.org"),
        ("PUBLIC_URL", "https://a b.example"),
        ("PUBLIC_URL", "https://a.example/?x"),
        ("TIMEZONE", "Europe/Atlantis"),
        ("TIMEZONE", "../../etc/passwd"),
        ("MAIL_TRANSPORT", "pigeon"),
        ("MAIL_FROM", "letters"),
        ("MAIL_REPLY_TO", "a@b.example\nBcc: c@d.example"),
        ("PUBLICATION_NAME", "Dispatch\nBcc: c@d.example"),
        ("SECRET_KEY", "short"),
        ("KOFI_PAGE", "javascript:alert(1)"),
        ("SECRET_KEY_FILE", "/nowhere/key"),
        ("MAIL_DEADLINE", "0"),
        ("OVERDUE_AFTER", "-1"),
        ("OVERDUE_AFTER", "99999999999999"),
        ("MAIL_RATE_LIMITS", "50"),
        ("MAIL_RATE_LIMITS", "50/second,9/lunch"),
        ("MAIL_RATE_LIMITS", "0/second"),
        ("RETURN_PATH_DOMAIN", "bounces@example.org"),
        ("DKIM_DOMAIN", "example.org"),
    ],
)
def test_a_wrong_one_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=name):
        from_environment()


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"MAIL_TRANSPORT": "smtp"}, "SMTP_URL"),
        ({"MAIL_TRANSPORT": "sendgrid"}, "SENDGRID_API_KEY"),
        ({"DATABASE_URL": "postgresql://db.example/letters"}, "SECRET_KEY"),
    ],
)
def test_what_one_setting_makes_necessary(monkeypatch: pytest.MonkeyPatch, given: dict[str, str], missing: str) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=missing):
        from_environment()


def test_mail_must_not_leave_without_a_postal_address() -> None:
    with pytest.raises(ConfigurationError, match="MAIL_POSTAL_ADDRESS"):
        from_environment().check_serving()


@pytest.mark.parametrize(
    "url", ["bogus://x", "mysql://u:secret@host/db", "postgresql://u:secret@host:port/db", "nonsense", "mssql://x"]
)
def test_a_database_of_another_kind_is_refused_without_repeating_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match="DATABASE_URL") as caught:
        Database(url)
    assert "secret" not in str(caught.value)
