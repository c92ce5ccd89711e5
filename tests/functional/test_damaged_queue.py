"""A damaged file of the embedded queue is moved aside: the database knows what is to be done."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from newsletter.core.queue import Queues
from newsletter.embedded.valkey import EmbeddedValkey


@pytest.mark.parametrize("damage", ["*.incr.aof", "*.manifest", "*.base.rdb"])
def test_it_starts_empty_and_says_so(tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    valkey = EmbeddedValkey(tmp_path)
    valkey.ensure()
    assert Queues(f"unix://{valkey.socket}").enqueue_drain()
    valkey.stop()
    (path,) = (tmp_path / "valkey" / "appendonlydir").glob(damage)
    path.write_bytes(b"rubbish, and more of it than a torn end\r\n" * 50)
    with caplog.at_level(logging.ERROR):
        valkey.ensure()
    try:
        assert valkey.answers()
        assert Queues(f"unix://{valkey.socket}").drains_queued() == 0
    finally:
        valkey.stop()
    assert (tmp_path / "valkey" / "damaged" / path.name).exists()
    assert "starts empty" in caplog.text
