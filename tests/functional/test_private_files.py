"""Everything that is written can be read by the service's user alone."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from newsletter.core import private_files


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def loose(folder: Path) -> list[str]:
    """What others may read, write or enter."""
    return [str(path) for path in (folder, *folder.rglob("*")) if path.lstat().st_mode & 0o077]


def newsletter(data_dir: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a shell that lets everybody read and write."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "newsletter", *words],
        env=kept | {"DATA_DIR": str(data_dir), "PORT": str(free_port()), "MAIL_POSTAL_ADDRESS": "1 Example Street"},
        capture_output=True,
        text=True,
        umask=0,
        check=False,
        cwd=data_dir.parent,
    )


def test_the_whole_service_writes_for_its_user_alone(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    ran = newsletter(data_dir, "demo", "--once", "--readers", "20")
    assert ran.returncode == 0, ran.stderr
    assert {"newsletter.sqlite3", "secret_key.txt", "valkey", "log", "mail"} <= {p.name for p in data_dir.iterdir()}
    assert loose(data_dir) == []


def test_a_single_command_writes_for_its_user_alone(tmp_path: Path) -> None:
    data_dir, export = tmp_path / "data", tmp_path / "readers.csv"
    assert newsletter(data_dir, "db", "upgrade").returncode == 0
    ran = newsletter(data_dir, "subscribers", "export", "--output", str(export))
    assert ran.returncode == 0, ran.stderr
    assert loose(data_dir) == []
    assert loose(export) == []


def test_what_an_earlier_version_wrote_is_mended_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data_dir = tmp_path / "data"
    (data_dir / "mail" / "new").mkdir(parents=True)
    for name in ("newsletter.sqlite3", "newsletter.sqlite3-wal", "mail/new/1.eml", "secret_key.txt"):
        (data_dir / name).write_text("a")
        (data_dir / name).chmod(0o644)
    for folder in (data_dir, data_dir / "mail", data_dir / "mail" / "new"):
        folder.chmod(0o755)
    with caplog.at_level(logging.WARNING):
        assert private_files.mend(data_dir) == 7
    assert "7 files and folders in DATA_DIR could be read by others" in caplog.text
    assert loose(data_dir) == []
    assert private_files.mend(data_dir) == 0


def test_what_others_put_there_and_what_links_lead_to_stays(tmp_path: Path) -> None:
    data_dir, outside = tmp_path / "data", tmp_path / "outside"
    for folder in (data_dir, outside):
        folder.mkdir()
    (data_dir / "notes.txt").write_text("an operator's own")
    (data_dir / "mail").symlink_to(outside)
    (outside / "theirs").write_text("")
    for path in (data_dir / "notes.txt", outside, outside / "theirs"):
        path.chmod(0o755)
    private_files.mend(data_dir)
    assert loose(data_dir / "notes.txt")
    assert len(loose(outside)) == 2
