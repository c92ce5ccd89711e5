"""Mail that SendGrid keeps until its time: batch ids, and which of them are cancelled (twilio.com/docs/sendgrid,
cancel-scheduled-sends): at most ten at a time, and a second cancellation of the same one is a 400."""

from __future__ import annotations

import secrets

import orjson

Answer = tuple[int, dict[str, str], bytes]
MOST_CANCELLED = 10


class Schedules:
    """The answers of /v3/mail/batch and /v3/user/scheduled_sends."""

    def __init__(self) -> None:
        self.reserved: set[str] = set()
        self.cancelled: list[str] = []

    def post(self, path: str, raw: bytes) -> Answer:
        if path == "/v3/mail/batch":
            name = secrets.token_hex(20)
            self.reserved.add(name)
            return _json(201, {"batch_id": name})
        if path == "/v3/user/scheduled_sends":
            return self._cancel(orjson.loads(raw))
        return _json(404, {"errors": [{"message": "Not found", "field": None}]})

    def get(self, path: str) -> Answer:
        name = path.removeprefix("/v3/user/scheduled_sends/")
        return _json(200, [{"batch_id": name, "status": "cancel"}] if name in self.cancelled else [])

    def _cancel(self, wanted: dict[str, str]) -> Answer:
        name = wanted["batch_id"]
        refused = (
            "batch id not found"
            if name not in self.reserved
            else "a status exists already"
            if name in self.cancelled
            else "no more than 10 can be cancelled at a time"
            if len(self.cancelled) >= MOST_CANCELLED
            else ""
        )
        if refused or wanted["status"] != "cancel":
            return _json(400, {"errors": [{"message": refused or "unknown status", "field": None}]})
        self.cancelled.append(name)
        return _json(201, wanted)


def _json(status: int, document: object) -> Answer:
    return status, {"Content-Type": "application/json"}, orjson.dumps(document)
