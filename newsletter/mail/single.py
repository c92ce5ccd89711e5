"""Single mails: one to one person, because of something that happened. They wear the digest's dress."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.mail.frame import frame
from newsletter.mail.message import Message
from newsletter.mail.mjml import MJML_TEMPLATES, TEXT_TEMPLATES, compile_mjml


class Written(NamedTuple):
    """The templates of a single mail, filled in."""

    subject: str
    text: str
    mjml: str


def write(settings: Settings, name: str, context: Mapping[str, object]) -> Written:
    """Fill in templates/mail/<name>/{subject.txt,body.txt,body.mjml} with `context`."""
    values: dict[str, Any] = {**frame(settings), **context}
    values["title"] = TEXT_TEMPLATES.get_template(f"{name}/subject.txt").render(values).strip()
    return Written(
        values["title"],
        TEXT_TEMPLATES.get_template(f"{name}/body.txt").render(values),
        MJML_TEMPLATES.get_template(f"{name}/body.mjml").render(values),
    )


def compose(settings: Settings, name: str, context: Mapping[str, object], *, mail_id: int, id_salt: bytes) -> Message:
    """The mail `name` about `context`, dated now.

    `mail_id` is the outgoing row's; sent to a Recipient of that id, each try has the same Message-ID. The context must
    hold nothing that a stranger typed: anybody can enter anybody's address.
    """
    written = write(settings, name, context)
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
