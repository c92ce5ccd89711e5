"""Settings: read once, typed. A wrong one stops the start with one sentence."""

from __future__ import annotations

import re
import stat
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from newsletter.app import load_settings
from newsletter.core.config import NAMES, RateLimit, declared_settings, from_environment
from newsletter.core.errors import ConfigurationError
from newsletter.embedded import demo_processes
from tests.checks import settings_table


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "var"))


def test_a_single_machine_starts_with_none(tmp_path: Path) -> None:
    settings = from_environment()
    assert settings.database_url == f"sqlite:///{tmp_path}/var/newsletter.sqlite3"
    assert settings.redis_url.startswith("unix://")
    assert settings.redis_is_embedded
    assert (settings.public_url, settings.mail_transport) == ("http://localhost:8000", "maildir")
    assert (settings.host, settings.port, settings.web_concurrency) == ("127.0.0.1", 8000, 1)
    assert settings.maildir == tmp_path / "var" / "mail"


def test_keys_are_made_once_and_kept_private(tmp_path: Path) -> None:
    first, second = from_environment(), from_environment()
    assert first.secret_key == second.secret_key
    assert len(first.secret_key) > 30
    assert first.secret_key != first.suppression_key
    assert stat.S_IMODE((tmp_path / "var" / "secret_key.txt").stat().st_mode) == 0o600


def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:hidden-1@db.example/letters")
    monkeypatch.setenv("REDIS_URL", "redis://:hidden-2@redis.example/0")
    monkeypatch.setenv("SECRET_KEY_FALLBACKS", "hidden-3-and-long-enough")
    for name in ("SECRET_KEY", "SUPPRESSION_KEY", "SMTP_URL", "SENDGRID_API_KEY"):
        monkeypatch.setenv(name, "hidden-4-and-long-enough")
    assert "hidden" not in repr(from_environment())


@pytest.mark.parametrize("name", NAMES)
def test_each_can_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    values = {
        "DATA_DIR": str(tmp_path / "other"),
        "DATABASE_URL": "sqlite:////nowhere/letters.sqlite3",
        "REDIS_URL": "redis://redis.example:6380/1",
        "HOST": "::1",
        "PORT": "8123",
        "MAIL_DEADLINE": "30s",
        "MAIL_RATE_LIMITS": "50/second",
        "MAIL_TRANSPORT": "maildir",
        "MAIL_FROM": "a@example.org",
        "MAIL_REPLY_TO": "a@example.org",
        "OVERDUE_AFTER": "1d",
        "KOFI_THANK_YOU": "yes",
        "ENDED_SUBSCRIPTIONS_KEPT_FOR": "30d",
        "CONSENT_KEPT_FOR": "365d",
        "DESK_IDLE_AFTER": "45m",
        "AUDIT_KEPT_FOR": "365d",
        "TIMEZONE": "Europe/Berlin",
        "PEOPLE": "Ada Byron: editor",
        "SECURITY_CONTACT": "a@example.org",
        "DAILY_DIGEST_DAYS": "weekdays",
        "WEEKLY_DIGEST_DAY": "friday",
        "MONTHLY_DIGEST_DAY": "28",
        "TRUSTED_PROXIES": "2",
        "WEB_CONCURRENCY": "3",
        "WORKER_CONCURRENCY": "3",
    }
    waits = {f"DATABASE_{what}_TIMEOUT": "30s" for what in ("CONNECT", "LOCK", "STATEMENT", "IDLE", "NETWORK")}
    addresses = dict.fromkeys(("PUBLIC_URL", "KOFI_PAGE", "SENDGRID_HOST", "WEBSUB_HUB"), "https://www.example.org")
    values |= {"ARTICLE_URL": "https://www.example.org/{slug}", "MIN_TRUST": "40"}
    value = (values | waits | addresses).get(name, "words-of-a-key-or-name")
    (tmp_path / "file").write_text(f"{value}\n")
    for other in ("DKIM_DOMAIN", "DKIM_SELECTOR", "DKIM_KEY"):
        monkeypatch.setenv(other, "x")
    monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(f"{name}_FILE", str(tmp_path / "file"))
    in_file = getattr(from_environment(), name.lower())
    monkeypatch.delenv(f"{name}_FILE")
    monkeypatch.setenv(name, value)
    assert in_file == getattr(from_environment(), name.lower())
    assert in_file != declared_default(name)


def declared_default(name: str) -> object:
    """The default, or None for the one whose other words say nothing here."""
    default: object = getattr(type(from_environment()), name.lower())
    return None if name == "MAIL_TRANSPORT" else default


def test_both_ways_at_once_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PORT", "8001")
    monkeypatch.setenv("PORT_FILE", str(tmp_path / "port"))
    with pytest.raises(ConfigurationError, match="PORT and PORT_FILE are both set"):
        from_environment()


def test_a_file_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY_FILE", "/nowhere/key")
    with pytest.raises(ConfigurationError) as caught:
        from_environment()
    assert str(caught.value) == (
        "SECRET_KEY_FILE is '/nowhere/key', but that file cannot be read: No such file or directory."
    )


def test_types(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIMEZONE", "Europe/Berlin")
    monkeypatch.setenv("SECRET_KEY_FALLBACKS", "an older key of ours,another one of ours")
    monkeypatch.setenv("PUBLIC_URL", "https://letters.example.org/")
    monkeypatch.setenv("MAIL_DEADLINE", "5m")
    monkeypatch.setenv("OVERDUE_AFTER", "1d")
    monkeypatch.setenv("MAIL_RATE_LIMITS", "50/second, 9000/hour")
    settings = from_environment()
    assert settings.timezone == ZoneInfo("Europe/Berlin")
    assert settings.signing_keys == ("an older key of ours", "another one of ours", settings.secret_key)
    assert settings.url("/x") == "https://letters.example.org/x"
    assert settings.mail_from == "letters@letters.example.org"
    assert (settings.mail_deadline, settings.overdue_after) == (timedelta(minutes=5), timedelta(days=1))
    assert settings.mail_rate_limits == (RateLimit(50, 1), RateLimit(9000, 3600))


@pytest.mark.parametrize(
    ("name", "typed", "taken"),
    [
        ("MAIL_FROM", "Dispatch <letters@example.org>", "letters@example.org"),
        ("MAIL_FROM", '"Dispatch, the letter" <letters@example.org> ', "letters@example.org"),
        ("MAIL_FROM", "<letters@example.org>", "letters@example.org"),
        ("KOFI_PAGE", "dispatch", "https://ko-fi.com/dispatch"),
        ("KOFI_PAGE", "@dispatch", "https://ko-fi.com/dispatch"),
        ("KOFI_PAGE", "ko-fi.com/dispatch", "https://ko-fi.com/dispatch"),
        ("KOFI_PAGE", "https://ko-fi.com/dispatch", "https://ko-fi.com/dispatch"),
        ("PUBLIC_URL", "https://letters.example.org/", "https://letters.example.org"),
    ],
)
def test_what_people_type_is_taken(monkeypatch: pytest.MonkeyPatch, name: str, typed: str, taken: str) -> None:
    monkeypatch.setenv(name, typed)
    assert getattr(from_environment(), name.lower()) == taken


@pytest.mark.parametrize("site", ["http://192.0.2.7:8000", "http://[2001:db8::1]", "http://localhost:1", "http://a_b"])
def test_a_site_whose_host_is_no_mail_domain_has_a_sender_all_the_same(
    monkeypatch: pytest.MonkeyPatch, site: str
) -> None:
    monkeypatch.setenv("PUBLIC_URL", site)
    settings = from_environment()
    assert (settings.public_url, settings.mail_from) == (site, "letters@dispatch.example")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "many"),
        ("PORT", "70000"),
        ("PORT", "８０"),
        ("HOST", "a b"),
        ("WEB_CONCURRENCY", "two"),
        ("WEB_CONCURRENCY", "0"),
        ("TRUSTED_PROXIES", "-1"),
        ("PUBLIC_URL", "letters.example.org"),
        ("PUBLIC_URL", "https://a b.example"),
        ("PUBLIC_URL", "https://a.example/?x"),
        ("PUBLIC_URL", "https://[::1"),
        ("PUBLIC_URL", "https://editor@a.example"),
        ("PUBLIC_URL", "https://a.example/letters"),
        ("PUBLIC_URL", "https://a.example:port"),
        ("TIMEZONE", "Europe/Atlantis"),
        ("TIMEZONE", "../../etc/passwd"),
        ("TIMEZONE", "Europe"),
        ("MAIL_TRANSPORT", "pigeon"),
        ("MAIL_FROM", "letters"),
        ("MAIL_FROM", "Dispatch <letters@a.example> <b@c.example>"),
        ("MAIL_FROM", "Dispatch <>"),
        ("KOFI_PAGE", "a b"),
        ("MAIL_REPLY_TO", "a@b.example\nBcc: c@d.example"),
        ("PUBLICATION_NAME", "Dispatch\nBcc: c@d.example"),
        ("PUBLICATION_NAME", "Dispatch \udcff"),
        ("HYPE_LABELS", "Low,Low"),
        ("HYPE_LABELS", ","),
        ("KOFI_PAGE", "javascript:alert(1)"),
        ("DATA_DIR", "~nobody-of-that-name/var"),
        ("MAIL_DEADLINE", "60"),
        ("MAIL_DEADLINE", "0s"),
        ("MAIL_DEADLINE", "2h"),
        ("OVERDUE_AFTER", "120"),
        ("OVERDUE_AFTER", "-1m"),
        ("OVERDUE_AFTER", "999999999d"),
        ("MAIL_RATE_LIMITS", "50"),
        ("MAIL_RATE_LIMITS", "50/second,9/lunch"),
        ("MAIL_RATE_LIMITS", "0/second"),
        ("RETURN_PATH_DOMAIN", "bounces@example.org"),
    ],
)
def test_a_wrong_one_is_a_sentence_with_name_value_and_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        from_environment()
    assert re.fullmatch(rf"{name} is {re.escape(repr(value))}: it must be .{{10,}}\.", str(caught.value))
    assert caught.value.code == "setting.invalid"


@pytest.mark.parametrize("name", ["MAIL_DEADLINE", "OVERDUE_AFTER"])
def test_a_time_without_its_unit_is_shown_the_right_form(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "120")
    with pytest.raises(ConfigurationError, match="like 90s, 30m, 2h or 1d"):
        from_environment()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "hidden"),
        ("SUPPRESSION_KEY", "hidden\x01"),
        ("SECRET_KEY_FALLBACKS", "hidden,an older key of ours"),
        ("SENDGRID_API_KEY", "hidden key"),
        ("REDIS_URL", "redis://:hidden/word@redis.example:6379/0"),
        ("REDIS_URL", "redis://user:6/hidden@redis.example:6379/0"),
        ("REDIS_URL", "redis://redis.example/0?hidden=1"),
        ("REDIS_URL", "rediss://:hidden@redis.example/0?ssl_cert_reqs=perhaps"),
        ("REDIS_URL", "http://:hidden@redis.example"),
        ("REDIS_URL", "hidden"),
        ("DATABASE_URL", "bogus://hidden"),
        ("DATABASE_URL", "mysql://u:hidden@host/db"),
        ("DATABASE_URL", "postgresql://u:hidden@host:port/db"),
        ("DATABASE_URL", "hidden"),
        ("DATABASE_URL", "mssql://hidden"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("DATABASE_URL", "sqlite:////hidden?timeout=never"),
        ("SMTP_URL", "smtp://u:hid/den@mail.example"),
        ("PUBLIC_URL", "https://u:hid/den@letters.example.org"),
        ("SENDGRID_HOST", "ftp://u:hidden@sendgrid.example"),
        ("DKIM_KEY", "-----BEGIN hidden"),
        ("SENDGRID_WEBHOOK_KEY", "hidden"),
    ],
)
def test_a_secret_is_not_repeated(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    if name == "DKIM_KEY":
        monkeypatch.setenv("DKIM_DOMAIN", "example.org")
        monkeypatch.setenv("DKIM_SELECTOR", "letters")
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=rf"^{name} is not ") as caught:
        load_settings()
    chain: BaseException | None = caught.value
    while chain:
        assert "hid" not in str(chain)
        chain = chain.__cause__ or (None if chain.__suppress_context__ else chain.__context__)


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"MAIL_TRANSPORT": "smtp"}, "SMTP_URL"),
        ({"MAIL_TRANSPORT": "sendgrid"}, "SENDGRID_API_KEY"),
        ({"DATABASE_URL": "postgresql://db.example/letters"}, "SECRET_KEY"),
        ({"DKIM_DOMAIN": "example.org"}, "DKIM_SELECTOR"),
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


def test_the_documentation_has_the_table_of_all_settings() -> None:
    assert settings_table.is_current(), "run `make settings`"


def test_each_meaning_is_made_of_sentences() -> None:
    for name, declaration in declared_settings().items():
        assert re.fullmatch(r"[A-Z].*[.)]", declaration.meaning), name


def test_the_demo_keeps_to_its_own_data_whatever_files_say(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in {"DATABASE_URL": "postgresql://real.example/letters", "PORT": "8123"}.items():
        (tmp_path / name).write_text(value)
        monkeypatch.setenv(f"{name}_FILE", str(tmp_path / name))
    monkeypatch.setenv("MAIL_TRANSPORT", "sendgrid")
    for name, value in demo_processes.prepare_environment().items():
        monkeypatch.setenv(name, value)
    settings = from_environment()
    assert settings.database_url == f"sqlite:///{tmp_path}/var/newsletter.sqlite3"
    assert (settings.port, settings.mail_transport, settings.public_url) == (8123, "maildir", "http://localhost:8123")
