"""Single mails: one to one person, because of something that happened. They wear the digest's dress."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.mail.frame import frame
from newsletter.mail.languages import ENGLISH, words_of
from newsletter.mail.message import Message
from newsletter.mail.mjml import compile_mjml, mjml_template, text_template


class Written(NamedTuple):
    """The templates of a single mail, filled in."""

    subject: str
    text: str
    mjml: str


def write(settings: Settings, name: str, context: Mapping[str, object], language: str = ENGLISH) -> Written:
    """Fill in templates/mail/<name>/{subject.txt,body.txt,body.mjml} with `context`, in `language`."""
    words = words_of(language)
    values: dict[str, Any] = {**frame(settings, words), **context}
    values["title"] = text_template(f"{name}/subject.txt", words).render(values).strip()
    return Written(
        values["title"],
        text_template(f"{name}/body.txt", words).render(values),
        mjml_template(f"{name}/body.mjml", words).render(values),
    )


def compose(
    settings: Settings,
    name: str,
    context: Mapping[str, object],
    *,
    mail_id: int,
    id_salt: bytes,
    language: str = ENGLISH,
) -> Message:
    """The mail `name` about `context` in `language`, dated now.

    `mail_id` is the outgoing row's; sent to a Recipient of that id, each try has the same Message-ID. The context must
    hold nothing that a stranger typed: anybody can enter anybody's address.
    """
    written = write(settings, name, context, language)
    return Message(
        sender=settings.mail_from,
        sender_name=settings.publication_name,
        reply_to=settings.mail_reply_to,
        subject=written.subject,
        text=written.text,
        html=compile_mjml(written.mjml),
        placeholder="",
        unsubscribe_url="",
        # RFC 3834: no holiday notice may answer this.
        headers=(("Auto-Submitted", "auto-generated"),),
        id_domain=settings.public_host,
        id_salt=id_salt,
        date=clock.now(),
        reference=(("mail", str(mail_id)),),
    )
