"""Numbers in paths fit into the database, whatever somebody writes there: other ones are found nowhere."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.routing import IntegerConverter

from newsletter.core.config import Settings
from newsletter.core.db import Database
from tests.services import desk

once = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""No such number reaches the database."""

NO_NUMBERS = (str(2**63), "9" * 40, "\u0663", "-1", "1.0")


def numbered(app: Flask) -> Iterator[tuple[str, str]]:
    """Methods and paths with numbers that are none."""
    adapter = app.url_map.bind("letters.example.org")
    for rule in app.url_map.iter_rules():
        names = [name for name, each in rule._converters.items() if isinstance(each, IntegerConverter)]
        if names:
            values = {name: 424242 if name in names else "nothing" for name in rule.arguments}
            path = adapter.build(rule.endpoint, values, force_external=False)
            for method in {"GET", "POST"} & set(rule.methods or ()):
                yield from ((method, path.replace("424242", number)) for number in NO_NUMBERS)


@once
def test_no_number_of_a_path_is_too_large_for_the_database(app: Flask, db: Database, settings: Settings) -> None:
    person = desk.sign_in(app, db, settings, desk.add_person(db))
    data = {"form_token": person.form_token()}
    tried = list(numbered(app))
    assert len(tried) > 100
    for method, path in tried:
        answer = person.client.open(path, method=method, data=data if method == "POST" else None)
        assert answer.status_code == 404, (method, path)
