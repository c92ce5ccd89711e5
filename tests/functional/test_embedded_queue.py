"""The embedded queue at each of its starts: nobody else may answer in its place, and one that hangs is no obstacle."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from newsletter.core.errors import ConfigurationError, NewsletterError
from newsletter.core.queue import Queues
from newsletter.embedded import valkey as embedded
from newsletter.embedded.valkey import EmbeddedValkey


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    valkey = EmbeddedValkey(tmp_path)
    yield valkey
    valkey.stop()


def kill(valkey: EmbeddedValkey) -> None:
    assert valkey.process is not None
    valkey.process.kill()
    valkey.process.wait()


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("mode", [0o755, 0o770, 0o777, 0o1777])
def test_a_folder_that_others_may_enter_is_refused_at_each_start(
    valkey: EmbeddedValkey, *, first: bool, mode: int
) -> None:
    if first:
        valkey.socket.parent.mkdir()
    else:
        valkey.ensure()
        kill(valkey)
    valkey.socket.parent.chmod(mode)
    with pytest.raises(ConfigurationError, match="not a folder of this user alone"):
        valkey.ensure()
    assert valkey.process is None
    valkey.socket.parent.chmod(0o700)
    valkey.ensure()
    assert valkey.answers()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_another_user_s_folder_is_refused_at_a_later_start(valkey: EmbeddedValkey) -> None:
    valkey.ensure()
    kill(valkey)
    os.chown(valkey.socket.parent, 65534, 65534)
    with pytest.raises(ConfigurationError):
        valkey.ensure()
    assert valkey.process is None


def test_one_that_hangs_is_killed_and_loses_nothing(valkey: EmbeddedValkey, monkeypatch: pytest.MonkeyPatch) -> None:
    valkey.ensure()
    assert valkey.process is not None
    queues = Queues(f"unix://{valkey.socket}")
    assert queues.enqueue_drain()
    queues.redis.waitaof(1, 0, 5000)  # what it writes is flushed once a second
    valkey.process.send_signal(signal.SIGSTOP)
    monkeypatch.setattr(embedded, "START_WITHIN", 0.1)
    with pytest.raises(NewsletterError, match="did not answer"):
        valkey.ensure()
    monkeypatch.setattr(embedded, "START_WITHIN", 60.0)
    valkey.ensure()
    assert Queues(f"unix://{valkey.socket}").drains_queued() == 1
