"""Nothing that nobody sees turns text around: in what is stored, mailed, printed and logged."""

from __future__ import annotations

import io
import json
import logging
import unicodedata

import click
import pytest
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st

from newsletter.articles import page
from newsletter.cli.output import emit
from newsletter.core import logs, markdown
from newsletter.core.config import HYPE_LABELS
from newsletter.core.errors import InvalidError
from newsletter.core.name_rules import is_name
from newsletter.core.text_direction import keep_direction
from newsletter.digests import composing, text
from newsletter.subscribers import addresses
from tests.factories import REAL_ARTICLE

OVERRIDES = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
MARKS = "\u200e\u200f\u061c"
LATIN = "Grüße, 3 & “Köln”. 🤖🏽‍🔧"
RIGHT_TO_LEFT = [
    "שלום, עולם! 3.14",
    "מדריך ל-C++\u200e למתחילים",
    "\u200fGoogle מכריזה",
    "مرحبا بالعالم (٢٠٢٦)",
    "می\u200cخواهم",
    "اختبار\u061c 50%",
]
anything = st.text(st.one_of(st.sampled_from(OVERRIDES + MARKS + LATIN + "".join(RIGHT_TO_LEFT)), st.characters()))


@given(anything)
@example(f"abc{MARKS}{OVERRIDES}")
def test_overrides_go_and_all_else_stays(found: str) -> None:
    kept = keep_direction(found)
    assert not set(kept) & set(OVERRIDES)
    assert keep_direction(kept) == kept
    visible = str.maketrans("", "", OVERRIDES + MARKS)
    assert kept.translate(visible) == found.translate(visible)


@given(st.text(st.characters(exclude_characters=OVERRIDES)))
def test_texts_with_letters_from_right_to_left_stay_as_they_are(found: str) -> None:
    letters = [letter for letter in found if letter not in MARKS]
    if any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in letters):
        assert keep_direction(found) == found


@pytest.mark.parametrize("written", [*RIGHT_TO_LEFT, LATIN, "", "plain"])
def test_what_people_write_stays(written: str) -> None:
    assert keep_direction(written) == written
    assert text.one_line(written) == written


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_without_such_letters_goes(mark: str) -> None:
    assert keep_direction(f"{mark}Trust{mark} 69{mark}") == "Trust 69"


# Where texts come in and go out


@pytest.mark.parametrize("control", OVERRIDES)
def test_no_field_of_an_article_holds_one(control: str) -> None:
    saved = REAL_ARTICLE.read_text()
    for word in ("Musk", "In federal", "The Verge", "Model distillation"):
        saved = saved.replace(word, f"{word[:1]}{control}{word[1:]}")
    assert control in saved
    assert page.parse_page(saved, HYPE_LABELS) == page.parse_page(REAL_ARTICLE.read_text(), HYPE_LABELS)


@pytest.mark.parametrize("control", OVERRIDES + MARKS)
def test_no_line_of_a_digest_no_name_and_no_address_holds_one(control: str) -> None:
    assert composing._line("subject", f"a{control} subject") == "a subject"
    assert markdown.block_text(f"One{control}.\n\n{control}\n\nTwo.") == "One.\n\nTwo."
    assert not is_name(f"Poli{control}cy")
    with pytest.raises(InvalidError):
        addresses.normalise(f"a{control}da@example.org")


@pytest.mark.parametrize("as_json", [False, True])
def test_no_command_prints_one(as_json: bool) -> None:
    strange = f"abc{OVERRIDES}{MARKS}\x1b[2J\x9b\u2028def"

    @click.command()
    def command() -> None:
        emit({"subject": strange}, f"{strange}\n{RIGHT_TO_LEFT[1]}", as_json=as_json)

    printed = CliRunner().invoke(command).output
    assert not set(printed) & set(OVERRIDES + "\x1b\x9b\u2028")
    if as_json:
        assert json.loads(printed) == {"subject": strange}
    else:
        assert printed == f"abc·[2J··def\n{RIGHT_TO_LEFT[1]}\n"


def test_no_log_holds_one(monkeypatch: pytest.MonkeyPatch) -> None:
    root, stream = logging.getLogger(), io.StringIO()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr("sys.stderr", stream)
    logs.configure()
    logging.getLogger("test").warning("refused: %s", f"no such {OVERRIDES}mailbox")
    assert stream.getvalue().endswith("WARNING test: refused: no such mailbox\n")
