"""The progress files of a batch: each attempt has its own."""

from __future__ import annotations

from pathlib import Path

from newsletter.delivery.sending.progress_files import ProgressFiles


def test_who_wrote_the_answers_down_leaves_the_files_of_later_attempts(tmp_path: Path) -> None:
    files = ProgressFiles(tmp_path)
    for attempt in (1, 2, 3):
        file = files.open("7-key", attempt)
        file.record_accepted(attempt)
        file.close()
    files.delete("7-key", 2)
    assert files.read("7-key") == {3}
