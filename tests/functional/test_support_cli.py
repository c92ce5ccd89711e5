"""`newsletter support`: goals and costs by month, what came in, and supporters' words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask

from newsletter.cli.support import support
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.support import payments
from newsletter.support.kofi_payload import read_post
from newsletter.support.models import RefusalReason
from tests.services import kofi


@pytest.fixture
def payment(db: Database, settings: Settings) -> int:
    """A public payment whose words mean harm to a terminal; its number."""
    values = kofi.payload(message="Nice \x1b[31m paper", timestamp=None)
    with db.transaction() as session:
        payments.store_payment(session, settings, read_post(kofi.body(values), kofi.TOKEN, settings.timezone))
        payments.count_refused(session, settings, RefusalReason.FORGED)
        payments.count_refused(session, settings, RefusalReason.FORGED)
    return 1


def run(app: Flask, *arguments: str) -> str:
    result = app.test_cli_runner().invoke(support, arguments)
    assert result.exit_code == 0, result.output
    return result.output


def shown(app: Flask) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(app, "show", "--json"))
    return found


def test_with_nothing_in_it(app: Flask) -> None:
    words = run(app, "show")
    assert "No costs are set." in words
    assert "No payment was posted yet." in words


def test_what_came_in(app: Flask, payment: int) -> None:
    words = run(app, "show")
    assert "3.00 EUR" in words
    assert "Nice [31m paper" in words
    assert "Posts refused: 2 forged." in words
    assert kofi.ADDRESS not in words
    assert shown(app)["refused_posts"] == {"forged": 2}


def test_goals_and_costs(app: Flask) -> None:
    assert "From 2026-05 on the goal is 900.00 EUR a month." in run(app, "goal", "900", "eur", "--from", "2026-05")
    run(app, "goal", "1000", "EUR", "--from", "2026-05")
    assert "Sending costs 89.00 EUR a month." in run(app, "cost", "Sending", "89", "EUR")
    run(app, "cost", "One machine", "41", "EUR")
    assert shown(app)["costs"] == {"Sending": "89.00 EUR", "One machine": "41.00 EUR"}
    run(app, "cost", "One machine", "0", "EUR")
    assert shown(app)["costs"] == {"Sending": "89.00 EUR"}
    assert shown(app)["months"][-1]["goal"] in ("1000.00 EUR", None)


@pytest.mark.parametrize(
    "arguments",
    [
        ("goal", "-5", "EUR"),
        ("goal", "900", "euros"),
        ("goal", "900.005", "EUR"),
        ("goal", "900", "EUR", "--from", "2026-13"),
        ("goal", "900", "EUR", "--from", "May"),
        ("cost", "", "5", "EUR"),
        ("hide", "99"),
        ("hide", "99", "--delete-payment"),
        ("hide", "99", "--undo"),
    ],
)
def test_what_is_refused(app: Flask, arguments: tuple[str, ...]) -> None:
    assert app.test_cli_runner().invoke(support, arguments).exit_code != 0


def test_hiding(app: Flask, payment: int) -> None:
    def state() -> tuple[str, str | None]:
        (row,) = shown(app)["payments"]
        return row["shown"], row["words"]

    assert "Hidden: name and words of payment 1." in run(app, "hide", "1")
    assert state()[0] == "hidden"
    run(app, "hide", "1", "--undo")
    assert state() == ("public", "Nice [31m paper")
    run(app, "hide", "1", "--delete")
    assert state() == ("private", None)
    run(app, "hide", "1", "--delete-payment")
    assert shown(app)["payments"] == []
