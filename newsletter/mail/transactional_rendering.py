"""Transactional mails: one mail to one person, because of something that happened. They look like a digest."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.languages import ENGLISH, language_of
from newsletter.core.tokens import random_token
from newsletter.mail.frame import frame_values
from newsletter.mail.message import Message
from newsletter.mail.mjml import compile_mjml, mjml_template, text_template

PLACEHOLDER = random_token()
"""Stands for a reader's token in the link of a transactional mail. No text of a stranger is in such a mail."""


TemplateValue: TypeAlias = "int | str | tuple[str, ...]"
"""A value that the words of a mail name."""


class RenderedMail(NamedTuple):
    """The templates of a transactional mail, filled in."""

    subject: str
    text: str
    mjml: str


def render_mail(settings: Settings, name: str, context: Mapping[str, object], language: str = ENGLISH) -> RenderedMail:
    """The mail whose words are in templates/mail/transactional/<name>.txt, in `language`.

    `context` has the `link` that the mail is about, and the other values that its words name.
    """
    translation, words = language_of(language), f"transactional/{name}.txt"
    values: dict[str, Any] = {**frame_values(settings, translation), **context, "words": words}
    values["title"] = vars(text_template(words, translation).make_module(values))["subject"]
    return RenderedMail(
        values["title"],
        text_template("transactional.txt", translation).render(values),
        mjml_template("transactional.mjml", translation).render(values),
    )


def compose_mail(
    settings: Settings,
    name: str,
    path: str,
    values: Mapping[str, TemplateValue] = MappingProxyType({}),
    *,
    language: str = ENGLISH,
    text_only: bool = False,
) -> Message:
    """The mail `name` in `language`; `text_only` leaves out the HTML part.

    `path` is that of its link, with PLACEHOLDER for the reader's token: all else is the same for everyone with these
    values, and rendered once in a process. `values` are further ones that its words name; they hold nothing that a
    stranger typed, since anybody can enter anybody's address.
    """
    return _shared_message(settings, name, path, tuple(sorted(values.items())), language, text_only)


@lru_cache(maxsize=64)
def _shared_message(
    settings: Settings,
    name: str,
    path: str,
    values: tuple[tuple[str, TemplateValue], ...],
    language: str,
    text_only: bool,
) -> Message:
    rendered = render_mail(settings, name, {"link": settings.url(path), **dict(values)}, language)
    return Message(
        sender=settings.mail_from,
        sender_name=settings.publication_name,
        reply_to=settings.mail_reply_to,
        subject=rendered.subject,
        text=rendered.text,
        html="" if text_only else compile_mjml(rendered.mjml),
        placeholder=PLACEHOLDER if PLACEHOLDER in path else "",
        unsubscribe_url="",
        # RFC 3834: no holiday notice may answer this.
        headers=(("Auto-Submitted", "auto-generated"),),
        id_domain=settings.public_host,
        id_salt=settings.message_id_salt,
        date=clock.now(),
    )
