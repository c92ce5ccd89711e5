"""The plain page of an article, which mails link to and share."""

from __future__ import annotations

from flask import Blueprint

pages = Blueprint("articles", __name__)
