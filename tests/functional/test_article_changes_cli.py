"""`newsletter articles`: updates, corrections, withdrawals, addresses, and the rubric, as an editor calls them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask

from newsletter.cli import cli
from newsletter.core import clock
from newsletter.core.db import Database
from tests.factories import REAL_ARTICLE

REAL = REAL_ARTICLE.read_text(encoding="utf-8")
SLUG = "musk-testifies-xai-used-model-distillation-with-openai-technology-in-courtroom"
NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)

Run = Callable[..., Result]
Write = Callable[..., Path]


@pytest.fixture
def run(app: Flask, db: Database) -> Run:
    def run(*args: str | Path) -> Result:
        with clock.set_to(NOW):
            result = app.test_cli_runner().invoke(cli, list(map(str, args)))
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes the real page to a folder, with replacements."""

    def write(name: str, *replacements: tuple[str, str]) -> Path:
        words = REAL
        for old, new in replacements:
            assert old in words
            words = words.replace(old, new, 1)
        (tmp_path / "pages").mkdir(exist_ok=True)
        path = tmp_path / "pages" / name
        path.write_text(words, encoding="utf-8")
        return path

    return write


def shown(run: Run, slug: str = SLUG) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("articles", "show", slug, "--json").stdout)
    return found


OTHER = ("Musk testifies xAI", "Altman testifies OpenAI")
TRUST = ("Trust69", "Trust70")


def test_an_import_that_says_nothing_is_a_small_change(run: Run, write: Write) -> None:
    run("articles", "import", write("a.txt"))
    assert run("articles", "import", write("a.txt", TRUST)).exit_code == 0
    assert run("articles", "import", write("a.txt"), "--small").exit_code == 0
    found = shown(run)
    assert [(each["revision"], each["kind"], each["note"]) for each in found["revisions"]] == [
        (1, "first", None),
        (2, "small", None),
        (3, "small", None),
    ]
    assert (found["published_at"], found["published_at_basis"]) == (NOW.isoformat(), "import")
    assert (found["revisions"][0]["published_at"], found["revisions"][0]["published_at_basis"]) == (
        "2026-05-02T00:00:00+00:00",
        "page_date",
    )


def test_a_correction_says_what_was_wrong(run: Run, write: Write) -> None:
    run("articles", "import", write("a.txt"))
    said = ("--correction", "The score was 70.", "--serious", "--reported-at", "2026-05-03 10:00 Europe/Berlin")
    result = run("articles", "import", write("a.txt", TRUST), *said, "--published-at", "2026-05-04T09:00Z")
    assert (result.exit_code, result.stdout) == (0, f"revised    {SLUG}\n")
    found = shown(run)
    assert (found["kind"], found["note"], found["serious"]) == ("correction", "The score was 70.", True)
    assert found["reported_at"] == "2026-05-03T08:00:00+00:00"
    assert (found["published_at"], found["published_at_basis"]) == ("2026-05-04T09:00:00+00:00", "given")
    words = run("articles", "show", SLUG).stdout
    assert "2. 2026-05-04 09:00 UTC · serious correction · Musk" in words
    assert "\n   The score was 70.\n" in words


def test_of_a_folder_exactly_one_page_may_change_its_article(run: Run, write: Write) -> None:
    folder = write("a.txt").parent
    write("b.txt", OTHER)
    run("articles", "import", folder)
    update = ("articles", "import", folder, "--update", "New figures.")
    none = run(*update)
    assert (none.exit_code, none.stdout) == (1, "")
    assert "0 of the pages change one: nothing was imported." in none.stderr
    write("a.txt", TRUST)
    write("b.txt", OTHER, TRUST)
    write("c.txt", ("Musk testifies xAI", "Zuckerberg testifies Meta"))
    both = run(*update)
    assert (both.exit_code, both.stdout) == (1, "")
    assert "2 of the pages change one" in both.stderr
    assert len(json.loads(run("articles", "list", "--json").stdout)) == 2, "the new page was not kept"
    write("b.txt", OTHER)
    one = run(*update)
    assert one.exit_code == 0
    assert one.stdout.splitlines()[0] == f"revised    {SLUG}"
    assert sorted(line.split()[0] for line in one.stdout.splitlines()) == ["created", "revised", "unchanged"]
    assert shown(run)["note"] == "New figures."


def test_a_refused_page_is_named_when_nothing_is_imported(run: Run, write: Write) -> None:
    run("articles", "import", write("a.txt"))
    page = write("a.txt", ("Trust69", "Trust690"))
    result = run("articles", "import", page, "--update", "News.")
    assert result.exit_code == 1
    assert f"{page}, line 8: The trust score is “690”" in result.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--small", "--update", "News."), "Say one of --small, --update and --correction."),
        (("--update", "A.", "--correction", "B."), "Say one of"),
        (("--serious",), "Only a correction can be serious"),
        (("--update", "News.", "--serious"), "Only a correction can be serious"),
        (("--reported-at", "2026-05-03T10:00Z"), "Only a correction"),
        (("--correction", " "), "The sentence for readers is missing."),
        (("--published-at", "2026-06-01T10:00Z"), "lies in the future"),
        (("--published-at", "2026-05-01T10:00"), "has no zone"),
        (("--url", "javascript:alert(1)"), "is no web address"),
        (("--url", "https://a@b.example/"), "is no web address"),
    ],
)
def test_what_cannot_be_said_is_refused(run: Run, write: Write, options: tuple[str, ...], words: str) -> None:
    run("articles", "import", write("a.txt"))
    result = run("articles", "import", write("a.txt", TRUST), *options)
    assert result.exit_code != 0
    assert words in result.stderr
    assert shown(run)["revision"] == 1


def test_what_is_said_of_one_article_needs_one_page(run: Run, write: Write) -> None:
    folder = write("a.txt").parent
    write("b.txt", OTHER)
    for option in (("--url", "https://a.example/"), ("--published-at", "2026-05-02T10:00Z"), ("--article", SLUG)):
        result = run("articles", "import", folder, *option)
        assert result.exit_code == 2
        assert f"{option[0]} is about one article, so give it one page." in result.stderr


def test_a_story_can_live_elsewhere(run: Run, write: Write) -> None:
    run("articles", "import", write("a.txt"), "--url", "https://elsewhere.example/story")
    assert shown(run)["url"] == "https://elsewhere.example/story"
    assert run("articles", "import", write("a.txt")).stdout.startswith("unchanged")
    assert shown(run)["url"] == "https://elsewhere.example/story"
    run("articles", "import", write("a.txt"), "--url", "none")
    assert shown(run)["url"] is None


def test_a_withdrawn_story_says_so_and_leaves_the_list(run: Run, write: Write) -> None:
    run("articles", "import", write("a.txt"))
    result = run("articles", "withdraw", SLUG, "It was made up.", "--reported-at", "2026-05-03T10:00Z")
    assert (result.exit_code, result.stdout) == (0, "Withdrawn at revision 2. An update brings it back.\n")
    found = shown(run)
    assert (found["withdrawn"], found["kind"], found["note"]) == (True, "withdrawal", "It was made up.")
    assert json.loads(run("articles", "list", "--json").stdout) == []
    refused = run("articles", "import", write("a.txt", TRUST))
    assert refused.exit_code == 1
    assert "is withdrawn, and only an update brings it back." in refused.stderr
    assert run("articles", "import", write("a.txt"), "--update", "It is true.").exit_code == 0
    assert shown(run)["withdrawn"] is False
    assert run("articles", "withdraw", "none", "Gone.").exit_code != 0


def test_addresses_of_sources_are_set_and_survive_the_next_import(run: Run, write: Write) -> None:
    run("articles", "import", write("a.txt"))
    assert "(no address)" in run("articles", "sources", SLUG).stdout
    result = run("articles", "sources", SLUG, "1=https://theverge.example/story", "--json")
    assert [each["url"] for each in json.loads(result.stdout)] == ["https://theverge.example/story"]
    assert (shown(run)["revision"], shown(run)["kind"]) == (2, "small")
    assert run("articles", "import", write("a.txt")).stdout.startswith("unchanged")
    run("articles", "import", write("a.txt", TRUST))
    assert shown(run)["sources"][0]["url"] == "https://theverge.example/story"
    run("articles", "sources", SLUG, "1=")
    assert shown(run)["sources"][0]["url"] == ""
    for wrong in ("2=https://a.example/", "1=javascript:alert(1)", "1", "x=https://a.example/", "1=http://"):
        assert run("articles", "sources", SLUG, wrong).exit_code != 0, wrong
    assert shown(run)["revision"] == 4


PARTS = "\n".join(
    [
        "Trust69",
        *("Independent sources 12/30", "Primary documents 22/25", "People on the record 15/15"),
        *("Checked by us 8/15", "Interests disclosed 12/15"),
    ]
)
HEAD = "Markup: Markdown\nWritten by: Ada Lovelace\nChecked by: Charles Babbage\nAI used for: the first draft\nPolicy ·"


def test_a_page_gives_parts_of_its_score_credits_and_markdown(run: Run, write: Write) -> None:
    assert run("articles", "import", write("a.txt", ("Trust69", PARTS), ("Policy ·", HEAD))).exit_code == 0
    found = shown(run)
    points = {each["key"]: each["points"] for each in found["trust_parts"]}
    assert points == {"sources": 12, "documents": 22, "people": 15, "checks": 8, "interests": 12}
    assert (found["written_by"], found["checked_by"], found["ai_use"], found["markup"]) == (
        *("Ada Lovelace", "Charles Babbage", "the first draft"),
        "markdown",
    )
    words = run("articles", "show", SLUG).stdout
    assert "  Independent sources 12/30\n" in words
    assert "\nWritten by: Ada Lovelace\n" in words


def test_pages_that_do_not_say_so_can_be_markdown(run: Run, write: Write) -> None:
    run("articles", "import", write("a.txt"), "--markdown")
    assert shown(run)["markup"] == "markdown"
    run("articles", "import", write("b.txt", ("Policy ·", "Markup: text\nPolicy ·")), "--markdown")
    assert shown(run)["markup"] == "text"


def test_a_rubric_is_set_from_a_file_and_old_scores_keep_theirs(run: Run, write: Write, tmp_path: Path) -> None:
    assert run("rubric", "show").stdout.startswith("The shipped rubric, in force since 2026-02-01\n")
    run("articles", "import", write("a.txt", ("Trust69", PARTS)))
    shipped = json.loads(run("rubric", "show", "--json").stdout)
    assert (shipped["id"], shown(run)["rubric"]) == (1, 1)
    shipped["parts"][0]["most"], shipped["parts"][1]["most"] = 25, 30
    file = tmp_path / "rubric.json"
    file.write_text(json.dumps(shipped))
    result = run("rubric", "set", file, "--from", "2026-05-04")
    assert result.stdout.startswith("Rubric 2, in force since 2026-05-04\n\nIndependent sources: up to 25\n")
    assert json.loads(run("rubric", "show", "--on", "2026-05-03", "--json").stdout)["id"] == 1
    assert run("articles", "import", write("a.txt", ("Trust69", PARTS))).stdout.startswith("unchanged")
    run("articles", "import", write("a.txt", ("Trust69", PARTS), ("Some hype", "Low hype")))
    assert (shown(run)["revision"], shown(run)["rubric"]) == (2, 1), "a page of before can change otherwise"
    other = PARTS.replace("12/30", "13/30").replace("22/25", "21/25")
    for changed in (("Trust69", other), ("Musk testifies xAI", "Musk says xAI")):
        refused = run("articles", "import", write("a.txt", *{"Trust69": PARTS, changed[0]: changed[1]}.items()))
        assert refused.exit_code == 1
        assert "line 9: “Independent sources” has 1" in refused.stderr
        assert "but it can have at most 25 of 25." in refused.stderr
    assert shown(run)["revision"] == 2
    new = PARTS.replace("12/30", "12/25").replace("22/25", "22/30")
    run("articles", "import", write("a.txt", ("Trust69", new), ("Some hype", "High hype")))
    assert (shown(run)["revision"], shown(run)["rubric"]) == (3, 1), "the parts are those of before"
    run("articles", "import", write("a.txt", ("Trust69", new.replace("12/25", "13/25").replace("22/30", "21/30"))))
    assert (shown(run)["revision"], shown(run)["rubric"]) == (4, 2)


@pytest.mark.parametrize(
    ("content", "day", "words"),
    [
        ("{", "2026-06-01", "is not JSON"),
        ("[]", "2026-06-01", "no list of 1 to 12 parts"),
        ("[{}]", "2026-06-01", "Part 1 has no key"),
        (None, "2026-05-03", "that day is over"),
    ],
)
def test_a_wrong_rubric_is_refused(run: Run, tmp_path: Path, content: str | None, day: str, words: str) -> None:
    file = tmp_path / "rubric.json"
    file.write_text(run("rubric", "show", "--json").stdout if content is None else content)
    result = run("rubric", "set", file, "--from", day)
    assert result.exit_code != 0
    assert words in result.stderr
    assert run("rubric", "set", tmp_path / "none.json", "--from", "2026-06-01").exit_code != 0
