"""What is kept of a reader: seen, taken along and erased by a fresh link."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, render_template
from sqlalchemy.orm import Session

from newsletter.core import tokens
from newsletter.core.actors import READER
from newsletter.core.runtime import runtime
from newsletter.privacy import data_export, erasure
from newsletter.subscribers.account import one_time_links
from newsletter.subscribers.models import LinkPurpose, Subscriber
from newsletter.subscribers.preferences import Preferences
from newsletter.web.readers.blueprint import pages
from newsletter.web.readers.unsubscribing import WORDS


@pages.get("/data/<token>")
@pages.get("/data/<token>/erase", endpoint="erase_page")
def data(token: str) -> str:
    """Everything that is kept, in words, with a button that erases it."""
    with runtime().db.reading() as session:
        reader, kept = _kept(session, token)
    return render_template(
        "data.html",
        reader=reader,
        kept=kept,
        preferences=Preferences.of(reader),
        reasons=WORDS,
        may_mail=reader.status not in one_time_links.NOT_MAILED,
        token=tokens.clean_token(token),
    )


@pages.get("/data/<token>/download")
def download(token: str) -> Response:
    """The same as JSON, to take along."""
    with runtime().db.reading() as session:
        _, kept = _kept(session, token)
    response = Response(json.dumps(kept, ensure_ascii=False, indent=2) + "\n", mimetype="application/json")
    response.headers.set("Content-Disposition", "attachment", filename="my-newsletter-data.json")
    return response


@pages.post("/data/<token>/erase")
def erase(token: str) -> str:
    """Erases it, at once and for good."""
    settings = runtime().settings
    with runtime().db.transaction() as session:
        reader = one_time_links.reader_of(session, settings.signing_keys, LinkPurpose.DATA, token)
        mail = erasure.erase_subscriber(session, settings.suppression_key, reader, by=READER)
    if mail is not None:
        runtime().queues.enqueue_mail(mail)
    return render_template("erased.html", mailed=mail is not None)


def _kept(session: Session, token: str) -> tuple[Subscriber, dict[str, Any]]:
    settings = runtime().settings
    reader = one_time_links.reader_of(session, settings.signing_keys, LinkPurpose.DATA, token)
    return reader, data_export.export_subscriber(session, settings.suppression_key, reader)
