"""Transactional mails: one mail to one person, because of something that happened. They look like a digest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.languages import ENGLISH, language_of
from newsletter.mail.frame import frame_values
from newsletter.mail.message import Message
from newsletter.mail.mjml import compile_mjml, mjml_template, text_template


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
    context: Mapping[str, object],
    *,
    mail_id: int,
    id_salt: bytes,
    language: str = ENGLISH,
    text_only: bool = False,
) -> Message:
    """The mail `name` about `context` in `language`, dated now; `text_only` leaves out the HTML part.

    `mail_id` is the outgoing row's. Sent to a Recipient of that id, each try has the same Message-ID. The context must
    hold no text that a stranger typed: anybody can enter anybody's address.
    """
    rendered = render_mail(settings, name, context, language)
    return Message(
        sender=settings.mail_from,
        sender_name=settings.publication_name,
        reply_to=settings.mail_reply_to,
        subject=rendered.subject,
        text=rendered.text,
        html="" if text_only else compile_mjml(rendered.mjml),
        placeholder="",
        unsubscribe_url="",
        # RFC 3834: no holiday notice may answer this.
        headers=(("Auto-Submitted", "auto-generated"),),
        id_domain=settings.public_host,
        id_salt=id_salt,
        date=clock.now(),
        reference=(("mail", str(mail_id)),),
    )
