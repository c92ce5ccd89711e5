"""`newsletter demo`: from nothing to mail in mailboxes, with its own processes, in a folder of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest

from newsletter.core.queue_socket import socket_path
from newsletter.web.forms import form_tokens
from tests.services.patience import PATIENCE, until

JSON = {"Accept": "application/json"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(data_dir: Path, port: int, **more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}
    return kept | {"DATA_DIR": str(data_dir), "PORT": str(port)} | more


def demo(data_dir: Path, *words: str, port: int | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "newsletter", "demo", *words],
        env=environment(data_dir, port or free_port(), **more),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        cwd=data_dir.parent,
    )


def mails(data_dir: Path) -> int:
    return len(list((data_dir / "mail" / "new").iterdir()))


def test_once_and_again_on_the_same_data(tmp_path: Path) -> None:
    data_dir = tmp_path / "var"
    first = demo(data_dir, "--once", "--json")
    assert first.returncode == 0, first.stderr
    result = json.loads(first.stdout.splitlines()[-1])
    assert list(result) == ["digest", "recipients", "accepted", "skipped", "maildir", "seconds"]
    assert (result["digest"], result["recipients"]) == (1, 200)
    assert result["accepted"] + result["skipped"] == 200
    assert 0 < result["skipped"] < 50
    assert mails(data_dir) == result["accepted"]
    assert result["maildir"] == str(data_dir / "mail")
    second = demo(data_dir, "--once", "--json", MAIL_TRANSPORT="smtp", SMTP_URL="smtp://mail.example")
    assert second.returncode == 0, second.stderr
    assert json.loads(second.stdout.splitlines()[-1])["digest"] == 4
    assert mails(data_dir) == 2 * result["accepted"]
    with closing(sqlite3.connect(data_dir / "newsletter.sqlite3")) as database:
        statuses = [status for (status,) in database.execute("SELECT status FROM digests ORDER BY id")]
        kinds = [kind for (kind,) in database.execute("SELECT kind FROM revisions WHERE number > 1")]
        roles = [role for (role,) in database.execute("SELECT role FROM staff_members ORDER BY id")]
    assert statuses == ["sent", "draft", "scheduled", "sent"], "a living desk, made once"
    assert roles == ["editor", "author"]
    assert kinds == ["correction"], "of a story that went out with a mistake, and only once"


def test_a_port_in_use_is_a_sentence_that_says_which(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = demo(tmp_path / "var", "--once", port=port)
    assert result.returncode == 1
    assert f"Port {port} is in use by another program. Choose another one with PORT=" in result.stderr
    assert "Traceback" not in result.stderr


def test_real_data_is_not_touched(tmp_path: Path) -> None:
    data_dir = tmp_path / "var"
    data_dir.mkdir()
    (data_dir / "newsletter.sqlite3").write_bytes(b"")
    result = demo(data_dir, "--once")
    assert result.returncode == 1
    assert "holds data that is not the demo's" in result.stderr


@contextmanager
def running(data_dir: Path, port: int) -> Iterator[psutil.Process]:
    """A demo that stays up, from the moment at which it says so."""
    command = [sys.executable, "-m", "newsletter", "demo"]
    with (data_dir.parent / "out").open("w+") as output:
        process = subprocess.Popen(command, env=environment(data_dir, port), stdout=output, stderr=output)
        try:
            said = data_dir.parent / "out"
            until(lambda: "Ctrl-C" in said.read_text() or process.poll() is not None, "the start", pause=0.05)
            assert process.poll() is None, said.read_text()
            yield psutil.Process(process.pid)
        finally:
            process.kill()
            process.wait()


def sign_up(port: int) -> int:
    """Sign up as a program does: the form's token is fetched first, and a moment passes."""
    url = f"http://127.0.0.1:{port}/subscribe"
    with urllib.request.urlopen(urllib.request.Request(url, headers=JSON), timeout=PATIENCE) as answer:
        form_token = json.load(answer)["form_token"]
    time.sleep(form_tokens.FASTEST.total_seconds() + 1)
    data = json.dumps({"email": "new@readers.example", "form_token": form_token}).encode()
    request = urllib.request.Request(url, data=data, headers=JSON | {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        status: int = answer.status
        return status


def test_it_stays_up_and_ends_every_child_on_ctrl_c(tmp_path: Path) -> None:
    port = free_port()
    with running(tmp_path / "var", port) as process:
        before = mails(tmp_path / "var")
        assert sign_up(port) == 202
        until(lambda: mails(tmp_path / "var") > before, "the confirmation mail")
        assert mails(tmp_path / "var") == before + 1, "the confirmation mail"
        family = process.children(recursive=True)
        assert len(family) >= 7, "serve, web, clock, its queue, three processes of the worker"
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
        _gone, alive = psutil.wait_procs(family, timeout=PATIENCE)
    assert alive == []
    assert not socket_path(tmp_path / "var").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel ends orphans on Linux alone")
def test_a_killed_demo_leaves_no_process_behind(tmp_path: Path) -> None:
    with running(tmp_path / "var", free_port()) as process:
        family = process.children(recursive=True)
        process.kill()
        __gone, alive = psutil.wait_procs(family, timeout=PATIENCE)
    assert alive == []
