"""`newsletter articles`, as an operator calls it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask

import newsletter
from newsletter.articles.page_lines import LARGEST
from newsletter.cli import cli
from newsletter.core.db import Database

SAMPLES = Path(newsletter.__file__).parent / "embedded" / "samples"
REAL = (SAMPLES / "01-musk-testifies-xai-used-model-distillation.txt").read_text(encoding="utf-8")
SLUG = "musk-testifies-xai-used-model-distillation-with-openai-technology-in-courtroom"

Run = Callable[..., Result]


@pytest.fixture
def run(app: Flask, db: Database) -> Run:
    """Runs `newsletter articles …`; what it does must never end in a traceback."""

    def run(*args: str | Path) -> Result:
        result = app.test_cli_runner().invoke(cli, ["articles", *map(str, args)])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "Traceback" not in result.output
        return result

    return run


@pytest.fixture
def page(tmp_path: Path) -> Callable[..., Path]:
    """Writes the real page, with one replacement, to a file."""

    def write(name: str, old: str = "", new: str = "") -> Path:
        assert old in REAL
        path = tmp_path / name
        path.write_text(REAL.replace(old, new, 1), encoding="utf-8")
        return path

    return write


def report(result: Result) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = json.loads(result.stdout)
    assert list(found) == ["created", "revised", "unchanged", "refused", "remarks"]
    return found


def test_import_again_and_changed(run: Run, page: Callable[..., Path]) -> None:
    assert run("import", page("a.txt")).stdout == f"created    {SLUG}\n"
    assert run("import", page("a.txt")).stdout == f"unchanged  {SLUG}\n"
    result = run("import", page("a.txt", "Trust69", "Trust70"))
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"revised    {SLUG}\n", "")


def test_good_pages_are_kept_and_bad_ones_reported(run: Run, page: Callable[..., Path], tmp_path: Path) -> None:
    bad, good = page("bad.txt", "Trust69", "Trust172"), page("good.txt")
    missing = tmp_path / "missing.txt"
    result = run("import", bad, good, missing, "--json")
    assert result.exit_code == 1
    trust = "The trust score is “172”, but it must be a whole number from 0 to 100."
    gone = "It cannot be read (No such file or directory)."
    assert report(result) == {
        "created": [SLUG],
        "revised": [],
        "unchanged": [],
        "refused": [
            {"file": str(bad), "line": 8, "reason": trust},
            {"file": str(missing), "line": None, "reason": gone},
        ],
        "remarks": [],
    }
    assert result.stderr.splitlines() == [f"{bad}, line 8: {trust}", f"{missing}: {gone}"]
    assert [one["slug"] for one in json.loads(run("list", "--json").stdout)] == [SLUG]


def test_what_an_editor_should_look_at_is_said(run: Run, page: Callable[..., Path]) -> None:
    counted = page("a.txt", "1 source ·", "4 sources ·")
    found = run("import", counted)
    assert (found.exit_code, found.stdout) == (0, f"created    {SLUG}\n")
    assert found.stderr == f"{counted}: The page says 4 sources, and lists 1.\n"
    misspelt = page("b.txt", "Policy ·", "Polcy ·")
    remarks = report(run("import", misspelt, "--json"))["remarks"]
    assert remarks == [{"file": str(misspelt), "remark": "The section “Polcy” is new: there was no story of it yet."}]
    assert not report(run("import", misspelt, "--json"))["remarks"]


def test_a_refused_page_stores_nothing(run: Run, page: Callable[..., Path]) -> None:
    assert run("import", page("a.txt", "Some hype", "Mega hype")).exit_code == 1
    assert json.loads(run("list", "--json").stdout) == []


def test_what_is_no_page_at_all(run: Run, tmp_path: Path) -> None:
    (tmp_path / "image.txt").write_bytes(b"\x89PNG\r\n\0")
    with (tmp_path / "huge.txt").open("wb") as huge:
        huge.truncate(50 * LARGEST)
    (tmp_path / "empty.txt").touch()
    (tmp_path / "folder").mkdir()
    names = ("image.txt", "huge.txt", "empty.txt", "folder")
    result = run("import", *(tmp_path / name for name in names), "--json")
    assert result.exit_code == 1
    refused = report(result)["refused"]
    assert [(Path(one["file"]).name, one["line"]) for one in refused] == [
        ("folder", None),
        ("image.txt", 1),
        ("huge.txt", 1),
        ("empty.txt", 1),
    ]
    assert len(result.stderr.splitlines()) == 4


def test_a_folder_stands_for_its_text_files(run: Run) -> None:
    found = report(run("import", SAMPLES, "--json"))
    assert len(found["created"]) == 10
    assert found["created"][0] == SLUG
    assert not found["refused"]


def test_article_names_the_page_whose_title_changed(run: Run, page: Callable[..., Path]) -> None:
    run("import", page("a.txt"))
    renamed = page("b.txt", "Musk testifies", "Musk confirms")
    assert report(run("import", renamed, "--article", SLUG, "--json"))["revised"] == [SLUG]
    assert report(run("import", renamed, "--json"))["unchanged"] == [SLUG]
    assert len(json.loads(run("list", "--json").stdout)) == 1


def test_article_with_an_unknown_slug_or_several_pages(run: Run, page: Callable[..., Path]) -> None:
    result = run("import", page("a.txt"), "--article", "no-such", "--json")
    assert result.exit_code == 1
    assert "There is no article “no-such”" in report(result)["refused"][0]["reason"]
    assert run("import", SAMPLES, "--article", SLUG).exit_code == 2
    assert json.loads(run("list", "--json").stdout) == []


def test_list_in_words(run: Run, page: Callable[..., Path]) -> None:
    assert run("list").stdout.startswith("No article yet")
    run("import", page("a.txt"))
    head, row = run("list").stdout.splitlines()
    assert head.split() == ["DATE", "SECTION", "TRUST", "HYPE", "SLUG", "TITLE"]
    assert row.startswith("2026-05-02  Policy   69     Some hype  " + SLUG)


def test_list_in_json(run: Run, page: Callable[..., Path]) -> None:
    run("import", page("a.txt"))
    assert json.loads(run("list", "--json").stdout) == [
        {
            "slug": SLUG,
            "revision": 1,
            "section": "Policy",
            "date": "2026-05-02",
            "title": "Musk testifies xAI used model distillation with OpenAI technology in courtroom proceedings",
            "url": None,
            "trust": 69,
            "hype": "Some hype",
            "source_count": 1,
        }
    ]


def test_show_has_every_field_and_every_revision(run: Run, page: Callable[..., Path]) -> None:
    run("import", page("a.txt"))
    run("import", page("a.txt", "Trust69", "Trust70"))
    shown = json.loads(run("show", SLUG, "--json").stdout)
    assert (shown["revision"], shown["trust"], shown["date"]) == (2, 70, "2026-05-02")
    assert shown["sources"][0]["publisher"] == "The Verge — AI"
    assert (len(shown["bullets"]), len(shown["paragraphs"])) == (4, 4)
    assert shown["dek"].startswith("In federal court")
    assert [(one["revision"], one["trust"]) for one in shown["revisions"]] == [(1, 69), (2, 70)]
    words = run("show", SLUG).stdout
    for text in (
        "Policy · 2 May 2026",
        "Trust 70 · Some hype · 1 source\n",
        "1. The Verge — AI · Elon Musk",
        "\n2. 20",
    ):
        assert text in words
    assert words.count("• ") == 4


def test_show_of_an_unknown_article(run: Run) -> None:
    result = run("show", "no-such")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: There is no article “no-such”. `newsletter articles list` shows all.\n"


def test_the_language_of_a_page(run: Run, page: Callable[..., Path]) -> None:
    assert run("import", page("a.txt")).stdout == f"created    {SLUG}\n"
    assert " · en" not in run("show", SLUG).stdout.splitlines()[0]
    assert run("import", page("a.txt"), "--language", "de-at").stdout == f"revised    {SLUG}\n"
    assert run("show", SLUG).stdout.splitlines()[0] == "Policy · 2 May 2026 · de-AT"
    said = page("a.txt", "Policy · May", "Language: fr\nPolicy · May")
    assert run("import", said, "--language", "de").stdout == f"revised    {SLUG}\n"
    value = json.loads(run("show", SLUG, "--json").stdout)
    assert [each["language"] for each in value["revisions"]] == ["en", "de-AT", "fr"]
    wrong = run("import", page("b.txt"), "--language", "German")
    assert (wrong.exit_code, wrong.stderr.splitlines()[-1]) == (
        2, "Error: Invalid value for '--language': This is no language tag like de or pt-BR.",
    )  # fmt: skip
    refused = run("import", page("c.txt", "Policy · May", "Language: German\nPolicy · May"))
    assert refused.stderr.endswith("line 2: “German” is no language tag like “de” or “pt-BR”.\n")
