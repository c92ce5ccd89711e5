"""`newsletter digests`: the commands of an editor and their answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask

from newsletter.cli import cli
from newsletter.core import clock
from newsletter.core.actors import CLOCK
from newsletter.core.db import Database
from newsletter.core.runtime import runtime
from newsletter.delivery.freezing import freeze
from newsletter.delivery.sending import draining
from newsletter.digests import lifecycle
from newsletter.digests.models import PausedReason
from tests.factories import add_article, add_digest, add_readers


@pytest.fixture
def newsletter(app: Flask) -> Any:
    """Runs a command, given by its words."""

    def run(*words: str) -> Result:
        return app.test_cli_runner().invoke(cli, list(words))

    return run


@pytest.fixture
def articles(db: Database) -> None:
    add_article(db, "A policy story", section="Policy", trust=80)
    add_article(db, "A research story", section="Research", trust=50)
    add_article(db, "A safety story", section="Safety", trust=65)


def output(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.usefixtures("articles")
@pytest.mark.parametrize(
    ("rule", "slugs"),
    [
        ([], ["a-policy-story", "a-safety-story", "a-research-story"]),
        (["--order", "trust"], ["a-policy-story", "a-safety-story", "a-research-story"]),
        (["--min-trust", "60"], ["a-policy-story", "a-safety-story"]),
        (["--section", "Research", "--section", "Safety"], ["a-safety-story", "a-research-story"]),
        (["--limit", "1"], ["a-policy-story"]),
    ],
)
def test_compose_picks_by_rule(newsletter: Any, rule: list[str], slugs: list[str]) -> None:
    digest = output(newsletter("digests", "compose", "--since", "2026-05-01", *rule, "--json"))
    assert digest["articles"] == slugs
    assert (digest["status"], digest["cadence"]) == ("draft", "weekly")


@pytest.mark.usefixtures("articles")
def test_compose_looks_one_period_back_unless_told(newsletter: Any) -> None:
    with clock.set_to(datetime(2026, 5, 6, tzinfo=UTC)):
        assert output(newsletter("digests", "compose", "--json"))["id"] == 1
        refused = newsletter("digests", "compose", "--cadence", "daily")
    assert refused.exit_code == 1
    assert refused.stderr == ("Error: No article since 2026-05-05 fits the rule. Import articles, or widen the rule.\n")


@pytest.mark.usefixtures("articles")
def test_texts_are_set_and_changed_while_it_is_a_draft(newsletter: Any) -> None:
    words = ["--subject", "A\n subject", "--preheader", "Before", "--intro", "One.\n\nTwo."]
    digest = output(newsletter("digests", "compose", "--since", "2026-05-01", *words, "--json"))
    assert (digest["subject"], digest["preheader"], digest["intro"]) == ("A subject", "Before", "One.\n\nTwo.")
    assert output(newsletter("digests", "edit", "1", "--subject", "Better", "--json"))["subject"] == "Better"
    assert newsletter("digests", "send", "1").exit_code == 0
    late = newsletter("digests", "edit", "1", "--subject", "Too late")
    assert (late.exit_code, late.stderr) == (1, "Error: Digest 1 is scheduled and cannot be edited.\n")


@pytest.mark.usefixtures("articles")
def test_preview_writes_mjml_html_and_text(newsletter: Any, db: Database, tmp_path: Path) -> None:
    add_digest(db)
    paths = output(newsletter("digests", "preview", "1", "--out", str(tmp_path / "new"), "--json"))
    assert "<mjml" in Path(paths["mjml"]).read_text()
    assert "A policy story" in Path(paths["html"]).read_text()
    assert "A policy story" in Path(paths["txt"]).read_text()
    german = output(newsletter("digests", "preview", "1", "--out", str(tmp_path / "new"), "--language", "de", "--json"))
    assert "Zum Artikel" in Path(german["txt"]).read_text()
    assert "Read the story" in Path(paths["txt"]).read_text()  # beside it
    assert newsletter("digests", "preview", "1", "--language", "tlh").exit_code == 2
    (tmp_path / "file").touch()
    refused = newsletter("digests", "preview", "1", "--out", str(tmp_path / "file" / "below"))
    assert refused.exit_code == 1
    assert "cannot be written to" in refused.stderr


@pytest.mark.usefixtures("articles")
@pytest.mark.parametrize(
    ("at", "code", "says"),
    [
        ("2031-01-02 07:00 Europe/Berlin", 0, "2 January 2031 at 07:00 CET"),
        ("2031-01-02T07:00+02:00", 0, "2 January 2031 at 07:00 UTC+02:00"),
        ("2031-01-02T07:00Z", 0, "2 January 2031 at 07:00 UTC"),
        ("2031-01-02 07:00", 2, "has no zone"),
        ("2031-02-30T07:00Z", 2, "is not a time"),
        ("2031-01-02 07:00 Europe/Atlantis", 2, "no zone is called"),
        ("soon", 2, "is not a time"),
        ("2020-01-02T07:00Z", 1, "is in the past"),
        (
            "2031-03-30 02:30 Europe/Berlin",
            2,
            "does not exist: clocks are set forward then, from CET (UTC+01:00) to CEST",
        ),
        ("2031-10-26 02:30 Europe/Berlin", 2, "comes twice there"),
    ],
)
def test_schedule_wants_a_future_time_with_its_zone(
    newsletter: Any, db: Database, at: str, code: int, says: str
) -> None:
    add_digest(db)
    result = newsletter("digests", "schedule", "1", "--at", at)
    assert result.exit_code == code, result.output
    assert says in result.output
    shown = output(newsletter("digests", "show", "1", "--json"))
    assert shown["status"] == ("scheduled" if code == 0 else "draft")


@pytest.mark.usefixtures("articles")
@pytest.mark.parametrize(("word", "says", "utc"), [("--first", "CEST", "00:30"), ("--second", "CET", "01:30")])
def test_a_time_that_comes_twice_is_taken_with_a_word(
    newsletter: Any, db: Database, word: str, says: str, utc: str
) -> None:
    add_digest(db)
    result = newsletter("digests", "schedule", "1", "--at", "2031-10-26 02:30 Europe/Berlin", word)
    assert result.stdout == f"Digest 1 will be sent on 26 October 2031 at 02:30 {says}.\n"
    at = output(newsletter("digests", "show", "1", "--json"))["scheduled_at"]
    assert at == f"2031-10-26T{utc}:00+00:00"


@pytest.mark.usefixtures("articles")
def test_check_says_what_blocks_and_what_is_only_worth_knowing(newsletter: Any, db: Database) -> None:
    add_digest(db)
    result = newsletter("digests", "check", "1")
    assert (result.exit_code, result.stdout) == (0, "Digest 1 can be sent.\nLinks to other sites: 1 not asked yet.\n")
    nobody = {"subjects": [], "with_lead": 0, "without_article": 0, "corrections_alone": 0, "corrections": []}
    assert output(newsletter("digests", "check", "1", "--json")) == {
        "id": 1, "can_be_sent": True, "findings": [], "subjects": nobody,
        "links": {"checked": 0, "waiting": 0, "unchecked": 1},
    }  # fmt: skip
    add_article(db, "A policy story", section="Policy", trust=20)
    noted = output(newsletter("digests", "check", "1", "--json"))
    assert noted["can_be_sent"]
    (finding,) = noted["findings"]
    assert list(finding) == ["code", "where", "message", "remedy", "values", "blocks"]
    assert (finding["code"], finding["values"]["newest"]) == ("article.changed", 2)
    assert "Note: “A policy story” has changed since" in newsletter("digests", "send", "1").stdout
    add_article(db, "A very long story " * 4000)
    add_digest(db, subject="Long")
    blocked = newsletter("digests", "check", "2")
    assert blocked.exit_code == 1
    assert blocked.stdout.startswith("Digest 2 cannot be sent:\n  Its HTML has ")


@pytest.mark.usefixtures("articles")
def test_the_articles_of_a_draft_change(newsletter: Any, db: Database) -> None:
    add_digest(db)
    add_article(db, "A late story")
    words = ("digests", "add", "1", "a-late-story", "--position", "1", "--json")
    assert output(newsletter(*words))["articles"][:2] == ["a-late-story", "a-policy-story"]
    assert output(newsletter("digests", "move", "1", "a-late-story", "2", "--json"))["articles"][1] == "a-late-story"
    assert len(output(newsletter("digests", "drop", "1", "a-safety-story", "--json"))["articles"]) == 3
    assert newsletter("digests", "drop", "1", "a-safety-story").stderr.startswith(
        "Error: Digest 1 holds no “a-safety-story”. `newsletter digests show 1"
    )
    assert newsletter("digests", "refresh", "1").stdout == "Digest 1 has the newest.\n"
    add_article(db, "A late story", trust=12)
    assert output(newsletter("digests", "refresh", "1", "--json"))["refreshed"] == ["a-late-story"]
    assert output(newsletter("digests", "check", "1", "--json"))["findings"] == []


@pytest.mark.usefixtures("articles")
def test_unschedule_makes_a_draft_again_until_the_freeze(newsletter: Any, db: Database) -> None:
    add_digest(db)
    newsletter("digests", "schedule", "1", "--at", "2031-01-02T07:00Z")
    assert output(newsletter("digests", "unschedule", "1", "--json"))["scheduled_at"] is None
    assert newsletter("digests", "edit", "1", "--subject", "Better").exit_code == 0
    newsletter("digests", "send", "1")
    freeze.freeze_digest(db, runtime().settings, 1)
    assert newsletter("digests", "unschedule", "1").stderr == (
        "Error: Digest 1 is frozen and cannot become a draft again. "
        "`newsletter digests pause 1` stops it, `newsletter digests cancel 1` ends it.\n"
    )


@pytest.mark.usefixtures("articles")
def test_status_from_draft_to_sent(newsletter: Any, db: Database, app: Flask) -> None:
    add_readers(db, 3)
    add_digest(db)
    assert "a draft; nobody is counted yet" in newsletter("digests", "status", "1").stdout
    newsletter("digests", "send", "1")
    freeze.freeze_digest(db, runtime().settings, 1)
    assert output(newsletter("digests", "status", "1", "--json"))["waiting"] == 3
    draining.drain(runtime())
    watched = newsletter("digests", "status", "1", "--watch", "--json")
    state = output(watched)
    assert list(state) == [
        "id", "status", "paused_reason", "recipients", "accepted", "refused", "skipped", "in_doubt", "waiting",
        "unanswered", "deferred", "cancelled", "until_hour", "last_hour",
    ]  # fmt: skip
    assert (state["status"], state["recipients"], state["accepted"]) == ("sent", 3, 3)
    assert newsletter("digests", "send", "1").stderr == "Error: Digest 1 is sent and cannot be scheduled.\n"
    assert newsletter("digests", "cancel", "1").stderr == "Error: Digest 1 is sent and cannot be cancelled.\n"


@pytest.mark.usefixtures("articles")
def test_lists_and_show_say_when_a_digest_goes_or_went_out(newsletter: Any, db: Database) -> None:
    add_digest(db)
    assert newsletter("digests", "show", "1").stdout.splitlines()[1] == "weekly, draft"
    newsletter("digests", "schedule", "1", "--at", "2031-01-02 07:00 Europe/Berlin")
    shown = newsletter("digests", "show", "1").stdout.splitlines()[1]
    assert shown == "weekly, scheduled, goes out on 2 January 2031 at 06:00 UTC"
    assert "  2031-01-02 06:00  weekly " in newsletter("digests", "list").stdout
    with db.transaction() as session:
        lifecycle.pause(session, 1, PausedReason.ERROR, note="It holds nothing.", by=CLOCK)
    paused = newsletter("digests", "show", "1").stdout.splitlines()[1:3]
    assert paused == ["weekly, paused (error), was to go out on 2 January 2031 at 06:00 UTC", "It holds nothing."]
    newsletter("digests", "resume", "1")
    add_readers(db, 1)
    with clock.set_to(datetime(2031, 1, 2, 6, 1, tzinfo=UTC)):
        freeze.freeze_digest(db, runtime().settings, 1)
        draining.drain(runtime())
    sent = newsletter("digests", "show", "1").stdout.splitlines()[1]
    assert sent == "weekly, sent, sending began on 2 January 2031 at 06:01 UTC, sent on 2 January 2031 at 06:01 UTC"
    value = output(newsletter("digests", "list", "--json"))[0]
    assert (value["scheduled_at"][:16], value["sent_at"][:16]) == ("2031-01-02T06:00", "2031-01-02T06:01")


WHO_GETS_WHICH = """\
Subjects, of 6 readers:
        3  Written (as written)
        2  A research story
        1  A safety story
Preheader: as written for 3 readers with the lead, the edition's own headlines for 3 readers.
Intro: for 3 readers with the lead, none for 3 readers.
No article is left for 1 reader, who get no mail.
"""


@pytest.mark.usefixtures("articles")
def test_check_show_and_preview_say_who_gets_which(newsletter: Any, db: Database, tmp_path: Path) -> None:
    add_readers(db, 3)
    add_readers(db, 2, start=4, sections=["Research"])
    add_readers(db, 1, start=6, sections=["Safety"])
    add_readers(db, 1, start=7, sections=["Gardening"])
    add_digest(db, subject="Written")
    newsletter("digests", "edit", "1", "--preheader", "Before", "--intro", "Hello", "--intro-with-lead")
    commands = [("check", "1"), ("show", "1"), ("preview", "1", "--out", str(tmp_path))]
    for words in commands:
        assert WHO_GETS_WHICH in newsletter("digests", *words).stdout
    newsletter("digests", "send", "1")
    freeze.freeze_digest(db, runtime().settings, 1)
    assert WHO_GETS_WHICH in newsletter("digests", "show", "1").stdout
    for words in commands:
        assert output(newsletter("digests", *words, "--json"))["subjects"] == {
            "subjects": [
                {"subject": "Written", "is_written": True, "readers": 3},
                {"subject": "A research story", "is_written": False, "readers": 2},
                {"subject": "A safety story", "is_written": False, "readers": 1},
            ],
            "with_lead": 3,
            "without_article": 1,
            "corrections_alone": 0,
            "corrections": [],
        }


@pytest.mark.usefixtures("articles")
def test_an_editor_names_the_lead(newsletter: Any, db: Database) -> None:
    add_digest(db)
    shown = newsletter("digests", "edit", "1", "--lead", "a-safety-story").stdout
    assert shown == (
        "Digest 1: A safety story\n  1. A policy story\n  2. A safety story (the lead)\n  3. A research story\n"
    )
    value = output(newsletter("digests", "show", "1", "--json"))
    assert (value["lead"], value["lead_is_named"], value["min_trust"]) == ("a-safety-story", True, 0)
    again = output(newsletter("digests", "edit", "1", "--first-lead", "--json"))
    assert (again["lead"], again["lead_is_named"], again["subject"]) == ("a-policy-story", False, "A policy story")
    both = newsletter("digests", "edit", "1", "--first-lead", "--lead", "a-safety-story")
    assert (both.exit_code, both.stderr.splitlines()[-1]) == (2, "Error: --lead and --first-lead exclude each other.")


@pytest.mark.usefixtures("articles")
def test_min_trust_counts_unless_another_is_given(newsletter: Any) -> None:
    object.__setattr__(runtime().settings, "min_trust", 60)
    value = output(newsletter("digests", "compose", "--since", "2026-05-01", "--json"))
    assert (value["min_trust"], value["articles"]) == (60, ["a-policy-story", "a-safety-story"])
    value = output(newsletter("digests", "compose", "--since", "2026-05-01", "--min-trust", "0", "--json"))
    assert (value["min_trust"], len(value["articles"])) == (0, 3)


@pytest.mark.usefixtures("articles")
def test_a_lead_below_the_digest_s_trust_or_not_in_it_is_refused(newsletter: Any) -> None:
    newsletter("digests", "compose", "--since", "2026-05-01", "--min-trust", "60")
    newsletter("digests", "add", "1", "a-research-story", "--position", "1")
    refused = newsletter("digests", "edit", "1", "--lead", "a-research-story", "--subject", "New")
    assert refused.exit_code == 1
    assert refused.stderr == (
        "Error: “A research story” has trust 50, and the lead of digest 1 needs 60. "
        "Name another, or compose with a lower --min-trust.\n"
    )
    absent = newsletter("digests", "edit", "1", "--lead", "nowhere")
    assert absent.stderr.startswith("Error: Digest 1 holds no “nowhere”.")
    value = output(newsletter("digests", "show", "1", "--json"))
    assert (value["lead"], value["subject"]) == ("a-policy-story", "A policy story")


@pytest.mark.usefixtures("articles")
def test_a_cancelled_digest_shows_parts_that_add_up(newsletter: Any, db: Database) -> None:
    add_readers(db, 3)
    add_digest(db)
    newsletter("digests", "send", "1")
    freeze.freeze_digest(db, runtime().settings, 1)
    assert "3 recipients: 3 waiting." in newsletter("digests", "show", "1").stdout
    newsletter("digests", "cancel", "1")
    assert "3 recipients: 3 cancelled." in newsletter("digests", "show", "1").stdout
    report = output(newsletter("digests", "show", "1", "--json"))["report"]
    parts = ("accepted", "refused", "skipped", "in_doubt", "waiting", "deferred", "cancelled")
    assert sum(report[part] for part in parts) == report["recipients"] == 3


@pytest.mark.usefixtures("articles")
def test_pause_resume_cancel(newsletter: Any, db: Database) -> None:
    add_readers(db, 2)
    add_digest(db)
    assert newsletter("digests", "pause", "1").exit_code == 1
    newsletter("digests", "send", "1")
    freeze.freeze_digest(db, runtime().settings, 1)
    assert output(newsletter("digests", "pause", "1", "--json"))["paused_reason"] == "editor"
    assert draining.drain(runtime()) is False
    assert output(newsletter("digests", "resume", "1", "--json"))["status"] == "sending"
    assert output(newsletter("digests", "cancel", "1", "--json"))["cancelled"] == 2


def test_an_unknown_digest_is_a_sentence(newsletter: Any) -> None:
    for words in (["show", "7"], ["status", "7"], ["send", "7"], ["preview", "7"], ["pause", "7"], ["cancel", "7"]):
        result = newsletter("digests", *words)
        assert (result.exit_code, result.stderr) == (1, "Error: There is no digest 7.\n")


@pytest.mark.usefixtures("articles")
@pytest.mark.parametrize("hostile", ["a\0b", "a\x1b[2Jb", "a\udcffb", "a\x85\x7fb"])
@pytest.mark.parametrize("option", ["--subject", "--preheader", "--intro", "--section"])
def test_unprintable_texts_are_refused(newsletter: Any, db: Database, option: str, hostile: str) -> None:
    number = add_digest(db)
    commands: list[tuple[str, ...]] = [("compose", "--since", "2026-05-01")]
    if option != "--section":
        commands.append(("edit", str(number)))
    for words in commands:
        result = newsletter("digests", *words, option, hostile)
        sentence = f"Error: The {option[2:]} holds a control character, or bytes that are no UTF-8.\n"
        assert (result.exit_code, result.stderr) == (1, sentence)
    assert [digest["id"] for digest in output(newsletter("digests", "list", "--json"))] == [number]


@pytest.mark.parametrize(
    "words",
    [
        ("digests", "show", str(2**63)),
        ("digests", "pause", str(10**30)),
        ("digests", "resolve", "1", str(2**63), "--sent"),
        ("digests", "schedule", "1", "--at", "9999-12-31T23:59-14:00"),
        ("digests", "schedule", "1", "--at", "0001-01-01T00:00+14:00"),
        ("subscribers", "unsubscribed", "--days", "9999999"),
    ],
)
def test_numbers_and_times_out_of_range_are_wrong_usage(newsletter: Any, words: tuple[str, ...]) -> None:
    result = newsletter(*words)
    assert result.exit_code == 2
    assert "Error: Invalid value for" in result.stderr


def test_lists_say_how_to_fill_them(newsletter: Any) -> None:
    assert output(newsletter("digests", "list", "--json")) == []
    assert "newsletter digests compose" in newsletter("digests", "list").stdout
