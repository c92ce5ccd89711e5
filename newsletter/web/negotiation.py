"""Answers for people and answers for programs at the same address."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeAlias

from flask import Response, make_response, request
from flask.typing import ResponseReturnValue

View: TypeAlias = "Callable[[], ResponseReturnValue]"


def wants_json() -> bool:
    """Whether the answer goes to a program: it sent JSON, or would rather have JSON than a page."""
    kinds = ["text/html", "application/json", "application/problem+json"]
    return request.is_json or request.accept_mimetypes.best_match(kinds, "text/html") != "text/html"


def with_json(json_view: View) -> Callable[[View], View]:
    """Let `json_view` answer programs in place of the decorated view."""

    def decorate(page_view: View) -> View:
        @wraps(page_view)
        def choose() -> Response:
            response = make_response(json_view() if wants_json() else page_view())
            response.vary.add("Accept")
            return response

        return choose

    return decorate
