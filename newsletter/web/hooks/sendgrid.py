"""SendGrid's Event Webhook: verified, stripped, stored as one row and answered; the work follows in a job."""

from __future__ import annotations

import logging

from flask import Flask, Response, abort, request

from newsletter.core import clock, public_paths
from newsletter.core.errors import InvalidError
from newsletter.core.runtime import runtime
from newsletter.delivery.events import signature, webhook_deliveries
from newsletter.delivery.events.signature import SignatureError
from newsletter.web.hooks.blueprint import pages

log = logging.getLogger(__name__)

MOST_BYTES = 4_000_000
"""The largest body. SendGrid posts when it has a few hundred kilobytes, or after a moment."""


def check_key(app: Flask) -> None:
    """Raise ConfigurationError when SENDGRID_WEBHOOK_KEY is set and no key."""
    with app.app_context():
        if key := runtime().settings.sendgrid_webhook_key:
            signature.public_key(key)


@pages.post(public_paths.SENDGRID_WEBHOOK)
def sendgrid() -> Response:
    """Answer 204 when the delivery is stored, or was stored before. SendGrid tries anything but 2xx again for 24 hours.

    Without SENDGRID_WEBHOOK_KEY there is no such address.
    """
    settings = runtime().settings
    if not settings.sendgrid_webhook_key:
        abort(404)
    request.max_content_length = MOST_BYTES
    body = request.get_data(cache=False)
    try:
        signature.verify_signature(
            signature.public_key(settings.sendgrid_webhook_key),
            request.headers.get("X-Twilio-Email-Event-Webhook-Signature"),
            request.headers.get("X-Twilio-Email-Event-Webhook-Timestamp"),
            body,
            clock.now(),
        )
    except SignatureError as error:
        return _refused(403, error)
    try:
        with runtime().db.transaction() as session:
            new = webhook_deliveries.store_delivery(session, settings.suppression_key, body)
    except InvalidError as error:
        return _refused(400, error)
    if new:
        runtime().queues.enqueue_events()
    return Response(status=204)


def _refused(status: int, error: Exception) -> Response:
    """Log it as well: with a wrong key every event would be lost in silence."""
    log.warning("a post to /hooks/sendgrid was refused: %s", error)
    return Response(f"{error}\n", status, content_type="text/plain; charset=utf-8")
