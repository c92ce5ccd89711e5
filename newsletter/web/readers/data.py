"""A reader's data, opened by a one-time link: to see, to download and to erase."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, render_template
from sqlalchemy.orm import Session

from newsletter.core import public_paths, tokens
from newsletter.core.actors import READER
from newsletter.core.runtime import runtime
from newsletter.privacy import data_export, erasure
from newsletter.subscribers.account import one_time_links
from newsletter.subscribers.models import LinkPurpose, Subscriber
from newsletter.subscribers.preferences import Preferences
from newsletter.web import language
from newsletter.web.readers import data_labels
from newsletter.web.readers.blueprint import enqueue_mail, pages, render_for


@pages.get(public_paths.one_time_page(LinkPurpose.DATA, "<token>"))
@pages.get(public_paths.erasure("<token>"), endpoint="erase_page")
def data(token: str) -> str:
    """Show everything, in words, with a button that erases it."""
    with runtime().db.reading() as session:
        reader, export = _export(session, token)
    return render_for(
        reader,
        "data.html",
        export=export,
        preferences=Preferences.of(reader),
        labels=data_labels,
        may_mail=reader.status not in one_time_links.NOT_MAILED,
        token=tokens.clean_token(token),
    )


@pages.get(public_paths.download("<token>"))
def download(token: str) -> Response:
    """The same as JSON."""
    with runtime().db.reading() as session:
        _, export = _export(session, token)
    response = Response(json.dumps(export, ensure_ascii=False, indent=2) + "\n", mimetype="application/json")
    response.headers.set("Content-Disposition", "attachment", filename="my-newsletter-data.json")
    return response


@pages.post(public_paths.erasure("<token>"))
def erase(token: str) -> str:
    """Erase it, at once and for good."""
    settings = runtime().settings
    with runtime().db.transaction() as session:
        reader = one_time_links.reader_of(session, settings.signing_keys, LinkPurpose.DATA, token)
        language.speak_to(reader.language)
        mail = erasure.erase_subscriber(session, settings.suppression_key, reader, by=READER)
    enqueue_mail(mail)
    return render_template("erased.html", is_mailed=mail is not None)


def _export(session: Session, token: str) -> tuple[Subscriber, dict[str, Any]]:
    settings = runtime().settings
    reader = one_time_links.reader_of(session, settings.signing_keys, LinkPurpose.DATA, token)
    return reader, data_export.export_subscriber(session, settings.suppression_key, reader)
