"""Whatever stands in the environment: a command runs, or says in one sentence which setting is wrong."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from unittest import mock

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from newsletter.cli import cli
from newsletter.core.config import NAMES, declared_settings
from tests.services.patience import PATIENCE

_JUNK = st.one_of(
    st.text(st.characters(exclude_characters="\x00"), min_size=1, max_size=80),
    st.sampled_from(["~", "~nobody/x", "/proc/nowhere", "/dev/null/x", "x" * 300, "%", "%(name)s", "{}", "::1", "-1"]),
    st.builds(
        "{}://{}{}".format,
        st.sampled_from(
            ["redis", "rediss", "unix", "sqlite", "postgresql", "postgres", "smtp", "smtps", "http", "https"]
        ),
        st.sampled_from(["", "/", "//", "u:p@h", "u:p/q@h:1", "h:99999", "[::1", "h", ":p@h:6379/0", "h/x"]),
        st.text("abc?=&/#%@:[]5\ud800é", max_size=12),
    ),
    st.text("0123456789smhd,/econ-. ", min_size=1, max_size=12),
)


@contextmanager
def environment(data_dir: Path, **given: str) -> Iterator[None]:
    bare = {name: value for name, value in os.environ.items() if name.removesuffix("_FILE") not in NAMES}
    with mock.patch.dict(os.environ, bare | {"DATA_DIR": str(data_dir)} | given, clear=True):
        yield


@pytest.mark.parametrize("name", NAMES)
@hypothesis_settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(junk=_JUNK)
def test_junk_is_one_sentence(tmp_path: Path, sqlite_template: Path, name: str, junk: str) -> None:
    data_dir = tmp_path / "var"
    data_dir.mkdir(exist_ok=True)
    if not (data_dir / "newsletter.sqlite3").exists():
        shutil.copy(sqlite_template, data_dir / "newsletter.sqlite3")
    value = os.fsdecode(_harmless(junk).encode("utf-8", "surrogatepass"))
    with chdir(tmp_path), environment(data_dir, HOME=str(tmp_path), **{name: value}):
        result = CliRunner().invoke(cli, ["db", "upgrade"])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    if result.exit_code:
        assert result.exit_code == 1
        assert re.fullmatch(r"Error: [^\n]+\.\n", result.stderr), result.stderr
        if declared_settings()[name.lower()].is_secret and len(junk) > 12:
            assert junk not in result.stderr


def _harmless(junk: str) -> str:
    """Junk that names no folder at the top of the file system: tests may run as root, who can make one."""
    if junk.startswith(("/proc", "/dev")):
        return junk
    return re.sub(r"^(sqlite:)?/+", lambda match: "sqlite:///" if match[1] else "", junk) or "/proc/nowhere"


def test_the_web_server_says_it_too(tmp_path: Path) -> None:
    with environment(tmp_path, WEB_CONCURRENCY="two", MAIL_POSTAL_ADDRESS="x"):
        result = start("newsletter", "web")
    expected = "Error: WEB_CONCURRENCY is 'two': it must be a whole number from 1 to 256.\n"
    assert (result.returncode, result.stderr) == (1, expected)
    with environment(tmp_path, PORT="many", MAIL_POSTAL_ADDRESS="x"):
        result = start("newsletter", "web")
    assert (result.returncode, result.stderr) == (
        1,
        "Error: PORT is 'many': it must be a whole number from 1 to 65535.\n",
    )


def test_the_web_server_takes_its_settings_from_files_too(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (tmp_path / "port").write_text(f"{port}\n")
        with environment(tmp_path, PORT_FILE=str(tmp_path / "port"), MAIL_POSTAL_ADDRESS="x"):
            start("newsletter", "db", "upgrade")
            result = start("newsletter", "web")
    assert result.returncode == 1
    assert f"PORT {port}: nothing can listen there" in result.stderr


def start(module: str, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
