"""The desk's words about findings go by their codes: one that nothing says any more would always count as passed."""

from __future__ import annotations

import ast
from pathlib import Path

import newsletter
from newsletter.web.desk.finding_words import REMEDIES
from newsletter.web.desk.passed_checks import CHECKS

ROOT = Path(newsletter.__file__).parent


def said_codes() -> set[str]:
    """The texts in the modules that make findings; some codes stand there in two parts."""
    files = [*(ROOT / "digests").rglob("*.py"), *(ROOT / "delivery/reports").glob("*.py")]
    texts = {
        node.value
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    beginnings = {text for text in texts if text in ("mail.", "text.long_")}
    assert len(beginnings) == 2
    return texts | {beginning + text for beginning in beginnings for text in texts}


def test_each_code_is_one_of_a_finding() -> None:
    named = {*REMEDIES, *(code for codes in CHECKS.values() for code in codes)}
    assert named - said_codes() == set()
