"""The blueprint that the readers' pages share, and how a reader's own page is rendered."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template

from newsletter.subscribers.models import Subscriber
from newsletter.web import language

pages = Blueprint("readers", __name__)


def render_for(reader: Subscriber, template: str, **values: Any) -> str:
    """A page of the reader's own, in the reader's language; its template has `reader`."""
    language.speak_to(reader.language)
    return render_template(template, reader=reader, **values)
