"""Ko-fi's webhook: a payment is stored once, however often it is posted, and nothing is answered before the commit."""

from __future__ import annotations

import logging

from flask import Response, abort, request
from werkzeug.exceptions import RequestEntityTooLarge

from newsletter.core import public_paths
from newsletter.core.runtime import runtime
from newsletter.support import payments
from newsletter.support.kofi_payload import ForgedError, RefusedError, read_post
from newsletter.support.models import RefusalReason
from newsletter.web.hooks.blueprint import pages

log = logging.getLogger(__name__)

MOST_BYTES = 100_000
"""The largest body. A payload has one or two kilobytes."""


@pages.post(public_paths.KOFI_WEBHOOK)
def kofi() -> Response:
    """Answer 200 when the payment is stored, or was stored before. Ko-fi posts again after any other answer.

    Without KOFI_VERIFICATION_TOKEN there is no such address.
    """
    settings = runtime().settings
    if not settings.kofi_verification_token:
        abort(404)
    request.max_content_length = MOST_BYTES
    try:
        body = request.get_data(cache=False)
        payment = read_post(body, settings.kofi_verification_token, settings.timezone)
    except RequestEntityTooLarge:
        return _refused(413, RefusalReason.TOO_LARGE, "It is too large.")
    except RefusedError as error:
        return _refused(403 if isinstance(error, ForgedError) else 400, error.reason, str(error))
    with runtime().db.transaction() as session:
        new = payments.store_payment(session, settings, payment)
    if new and settings.kofi_thank_you:
        runtime().queues.enqueue_mails()
    return Response(status=200)


def _refused(status: int, reason: RefusalReason, why: str) -> Response:
    """Count and log it, without a word of its content: with a wrong token each payment would be lost in silence."""
    with runtime().db.transaction() as session:
        payments.count_refused(session, runtime().settings, reason)
    log.warning("a post to /hooks/kofi was refused: %s", why)
    return Response(f"{why}\n", status, content_type="text/plain; charset=utf-8")
