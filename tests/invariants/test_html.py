"""Every page is valid HTML, as the Nu checker reads it. The addresses come from the application's own routes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask

from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.languages import LANGUAGES
from tests.factories import hand_over
from tests.invariants.test_pages import Examples, is_page
from tests.services.nu_checker import mistakes

IS_A_MAIL = re.compile(r"/letters/[^/]+/mail")
"""A mail's HTML is for mail programs."""


@pytest.fixture
def database_url(empty_sqlite_url: str) -> str:
    """One kind of database is enough to look at pages."""
    return empty_sqlite_url


def test_every_page_is_valid_for_the_nu_checker(app: Flask, db: Database, settings: Settings, tmp_path: Path) -> None:
    client = app.test_client()
    pages: dict[str, str] = {}

    def add(addresses: list[str]) -> None:
        for number, address in enumerate(addresses):
            spoken = list(LANGUAGES)[number % len(LANGUAGES)]
            answer = client.get(address, query_string=f"language={spoken}")
            if is_page(answer) and answer.text not in pages.values() and not IS_A_MAIL.fullmatch(address):
                pages[address] = answer.text

    add(["/", "/articles"])  # while there is nothing
    pages = {f"{address} (empty)": page for address, page in pages.items()}
    examples = Examples(app, db, settings)
    hand_over(db, settings)
    add([*examples.addresses()])
    assert len(pages) > 40
    (tmp_path / "pages").mkdir()
    found = mistakes(tmp_path / "pages", pages)
    assert not found, "\n".join(found)
