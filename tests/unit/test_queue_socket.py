"""The folder of the embedded queue's socket: nobody else may answer there."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from newsletter.core.errors import ConfigurationError
from newsletter.core.queue_socket import socket_path

LONG = Path("/srv") / ("x" * 100)


@pytest.fixture(autouse=True)
def _temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_a_short_path_stays_inside(tmp_path: Path) -> None:
    assert socket_path(Path("/srv/data")) == Path("/srv/data/run/valkey.sock")
    assert list(tmp_path.iterdir()) == []


def test_with_a_long_one_a_private_folder_is_made(tmp_path: Path) -> None:
    folder = socket_path(LONG).parent
    assert folder.parent == tmp_path
    assert folder.stat().st_mode & 0o777 == 0o700
    assert socket_path(LONG).parent == folder


def test_two_data_folders_have_two(tmp_path: Path) -> None:
    assert socket_path(LONG) != socket_path(LONG / "y")


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o777, 0o1777])
def test_a_folder_that_others_may_enter_is_refused(mode: int) -> None:
    folder = socket_path(LONG).parent
    folder.chmod(mode)
    with pytest.raises(ConfigurationError, match="not a folder of this user alone"):
        socket_path(LONG)


def test_another_user_s_folder_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = socket_path(LONG).parent
    if os.getuid() == 0:
        os.chown(folder, 65534, 65534)
    else:
        theirs = folder.name.replace(str(os.getuid()), "65534")
        folder.rename(folder.with_name(theirs))
        monkeypatch.setattr(os, "getuid", lambda: 65534)
    with pytest.raises(ConfigurationError):
        socket_path(LONG)


@pytest.mark.parametrize("kind", ["file", "link", "dead link"])
def test_what_is_no_folder_is_refused(tmp_path: Path, kind: str) -> None:
    folder = socket_path(LONG).parent
    folder.rmdir()
    if kind == "file":
        folder.write_text("")
    else:
        target = tmp_path / "elsewhere"
        if kind == "link":
            target.mkdir(mode=0o700)
        folder.symlink_to(target)
    with pytest.raises(ConfigurationError):
        socket_path(LONG)
