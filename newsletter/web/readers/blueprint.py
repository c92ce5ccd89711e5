"""The blueprint that the readers' pages share, and what their views share."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request

from newsletter.core.runtime import runtime
from newsletter.subscribers.models import Subscriber
from newsletter.web import language

pages = Blueprint("readers", __name__)

MOST_BYTES = 50_000
"""Of what a reader posts. A form has a few thousand at most, and to read a megabyte can take half a second."""


@pages.before_request
def limit_body() -> None:
    """Refuse a larger body, with a 413 once it is read."""
    request.max_content_length = MOST_BYTES


def enqueue_mail(mail_id: int | None) -> None:
    """Queue a job for a mail, once the transaction that added it is committed."""
    if mail_id is not None:
        runtime().queues.enqueue_mails()


def render_for(reader: Subscriber, template: str, **values: Any) -> str:
    """A page of the reader's own, in the reader's language; its template has `reader`."""
    language.speak_to(reader.language)
    return render_template(template, reader=reader, **values)
