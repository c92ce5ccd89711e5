"""Single mails: one to one person, because of something that happened. They wear the digest's dress."""

from __future__ import annotations

from collections.abc import Mapping

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.mail.frame import frame
from newsletter.mail.message import Message
from newsletter.mail.mjml import MJML_TEMPLATES, TEXT_TEMPLATES, compile_mjml


def compose(settings: Settings, name: str, context: Mapping[str, object], *, mail_id: int, id_salt: bytes) -> Message:
    """The mail `name`, made from templates/mail/<name>/{subject.txt,body.mjml,body.txt} and `context`.

    `mail_id` is the outgoing row's; send it to a Recipient of that id, and each try has the same Message-ID. The
    context must hold nothing that a stranger typed: anybody can enter anybody's address.
    """
    values = {**frame(settings), **context}
    subject = TEXT_TEMPLATES.get_template(f"{name}/subject.txt").render(values).strip()
    values["title"] = subject
    return Message(
        sender=settings.mail_from,
        sender_name=settings.publication_name,
        reply_to=settings.mail_reply_to,
        subject=subject,
        text=TEXT_TEMPLATES.get_template(f"{name}/body.txt").render(values),
        html=compile_mjml(MJML_TEMPLATES.get_template(f"{name}/body.mjml").render(values)),
        placeholder="",
        unsubscribe_url="",
        # RFC 3834: no holiday notice may answer this.
        headers=(("Auto-Submitted", "auto-generated"),),
        id_domain=settings.public_host,
        id_salt=id_salt,
        date=clock.now(),
        reference=(("mail", str(mail_id)),),
    )
