"""Every rendered template is valid MJML by its makers' own judgement."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from newsletter.articles.models import Revision
from newsletter.core.templates import TEMPLATES
from newsletter.digests.rendering import render_digest
from newsletter.mail.mjml import compile_mjml
from newsletter.mail.transactional_rendering import TemplateValue, render_mail
from tests.services.mjml_validate import validate
from tests.services.rendered_digests import DAY, HOSTILE, SETTINGS, Content, hostile_revisions, revision, revisions

LINK = "https://letters.example.org/confirm/a.b?c=d&e=f"
CONTEXTS: dict[str, dict[str, TemplateValue]] = {
    "already_subscribed": {"link": "https://letters.example.org/preferences/0123456789abcdefghijkl"},
    "confirmation": {"link": LINK, "days": 7},
    "data_link": {"link": LINK, "hours": 24},
    "address_link": {"link": LINK, "hours": 24},
    "changed_by_link": {
        "link": LINK,
        "day": "4 May 2026",
        "changes": ("return", "preferences", "pause"),
        "preferences": "You get the weekly letter.",
        "paused_until": "4 June 2026",
    },
    "new_address": {"link": LINK, "days": 7},
    "old_address": {"link": LINK, "days": 7},
    "staff_invitation": {"link": LINK, "minutes": 60},
    "staff_reset": {"link": LINK, "minutes": 60},
    "erased": {"link": "https://letters.example.org/subscribe"},
    "thank_you": {"link": "https://letters.example.org/support"},
}


def letter(articles: Sequence[Revision], **changes: Any) -> str:
    return render_digest(Content(revisions=articles, **changes), SETTINGS, day=DAY).mjml


def test_every_mail_is_valid(tmp_path: Path) -> None:
    sources = {
        "one": letter([revision()]),
        "fifteen": letter(revisions(15)),
        "bare": letter([revision(dek="", bullets=[])], preheader="", intro=""),
        "hostile": letter(hostile_revisions(), subject=HOSTILE[3], preheader=HOSTILE[2], intro=HOSTILE[3]),
        "German": render_digest(Content(), SETTINGS, day=DAY, language="de").mjml,
        "breaking": letter([revision()], cadence="breaking"),
        **{name: render_mail(SETTINGS, name, context).mjml for name, context in CONTEXTS.items()},
    }
    assert validate(tmp_path, sources) == ""


def test_every_transactional_mail_is_among_them() -> None:
    singles = {path.stem for path in (TEMPLATES / "mail" / "transactional").glob("*")}
    assert singles == set(CONTEXTS)


def test_the_judge_finds_what_the_compiler_lets_pass(tmp_path: Path) -> None:
    wrong = letter([revision()]).replace("<mj-column", '<mj-column weight="3"')
    compile_mjml(wrong)
    assert "Attribute weight is illegal" in validate(tmp_path, {"wrong": wrong})


def test_broken_markup_is_an_error() -> None:
    with pytest.raises(ValueError, match="unexpected end"):
        compile_mjml("<mjml><mj-body><mj-section></mj-body></mjml>")
