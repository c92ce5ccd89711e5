"""The texts about the publication: Markdown of the operator's folder (TEXTS_DIR), or else the ones that come with us.

A text is `about.en.md`: its name and its language. One line that says `{people}` or `{kept}` stands for a part that the
page makes; values such as `{contact}` are put in from the settings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup

from newsletter.core.config import Settings
from newsletter.core.languages import PUBLICATION_LANGUAGE, Language, gettext_noop
from newsletter.core.markdown import block_html

OURS = Path(__file__).parent / "texts"
_VALUE = re.compile(r"\{(\w+)\}")
_MARKUP = re.compile(r"([!-/:-@\[-`{-~])")
"""ASCII punctuation: any of it may follow a backslash (CommonMark 2.4)."""

MAIL_WAYS = {
    "maildir": gettext_noop("Emails are written to a folder of this machine."),
    "smtp": gettext_noop("Our mail server sends the emails."),
    "sendgrid": gettext_noop("The emails are sent for us by SendGrid (Twilio Inc.), told to track nothing."),
}
"""The way that mail leaves by, for readers, by MAIL_TRANSPORT."""


class SiteText(NamedTuple):
    """A text as HTML, before and after the part that the page makes, and its language."""

    before: Markup
    after: Markup
    language: str


def site_text(name: str, part: str, settings: Settings, language: Language) -> SiteText:
    """The text of that name in `language`, or in the publication's where it is not there; `part` is the page's own.

    Without a line for the part, it comes at the end.
    """
    path = _find(name, settings.texts_dir, language.code)
    text = path.read_text("utf-8", errors="replace")
    before, _marker, after = re.sub(rf"^\{{{part}\}}[ \t]*$", "\0", text, count=1, flags=re.MULTILINE).partition("\0")
    values = _values(settings, language)
    return SiteText(block_html(_filled(before, values)), block_html(_filled(after, values)), _language(path))


def _find(name: str, folder: Path | None, code: str) -> Path:
    folders = [folder, OURS] if folder else [OURS]
    paths = (each / f"{name}.{spoken}.md" for each in folders for spoken in (code, PUBLICATION_LANGUAGE))
    return next(path for path in paths if path.is_file())


def _language(path: Path) -> str:
    return path.name.split(".")[-2]


def _values(settings: Settings, language: Language) -> dict[str, str]:
    return {
        "publication": settings.publication_name,
        "postal_address": settings.mail_postal_address,
        "contact": settings.mail_reply_to or settings.mail_from,
        "kofi": settings.kofi_page,
        "site": settings.public_url,
        "mail_way": language.gettext(MAIL_WAYS[settings.mail_transport]),
    }


def _filled(text: str, values: Mapping[str, str]) -> str:
    """The text with the values as plain words, whatever they hold. Names that we do not know stay as they are."""

    def value(found: re.Match[str]) -> str:
        return _MARKUP.sub(r"\\\1", values[found[1]]) if found[1] in values else found[0]

    return _VALUE.sub(value, text)
