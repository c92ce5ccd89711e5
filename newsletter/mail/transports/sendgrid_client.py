"""The `sendgrid` package's client with a total deadline, and with every status returned as an answer.

By itself the package has no time-out, follows a 302 as a GET and takes the target's answer for success, and writes key
and payload to its log at DEBUG (measured, 6.12.5). Its `_make_request` is the seam for another opener. Ours gives each
connection to a Deadline, and knows neither redirects nor errors, just answers.
"""

from __future__ import annotations

import http.client
import logging
import ssl
import urllib.request
from email.message import Message as Headers
from functools import partial
from typing import Any, NamedTuple

from sendgrid import SendGridAPIClient

from newsletter.mail.transports.deadline import Deadline
from newsletter.mail.transports.redaction import spoken

_JSON = "application/json; charset=utf-8"
"""Not the bare media type: with that one the package would serialise the body once more."""


class NotConnectedError(Exception):
    """There was no connection, so nothing was sent; the message is the reason in a few words."""


class NoAnswerError(Exception):
    """The request was on its way, and no whole answer came back; the message is the reason in a few words."""


class ApiResponse(NamedTuple):
    """SendGrid's answer, whatever its status."""

    status: int
    headers: Headers
    body: bytes


class SendGridClient:
    """The API at `host`, e.g. https://api.sendgrid.com; a new connection each time."""

    def __init__(self, api_key: str, host: str, context: ssl.SSLContext | None = None) -> None:
        logging.getLogger("python_http_client.client").disabled = True
        self._http = _Http(context or ssl.create_default_context())
        self._opener = urllib.request.build_opener(_AnyStatus, self._http)
        self._client = SendGridAPIClient(api_key, host=host).client

    def post(self, path: str, body: bytes, deadline: Deadline) -> ApiResponse:
        """Send a JSON `body` in UTF-8 to a path like "mail/send". Raises NotConnectedError or NoAnswerError."""
        return self._request("post", path, deadline, request_body=_Body(body))

    def get(self, path: str, deadline: Deadline) -> ApiResponse:
        """Get a path. Raises NotConnectedError or NoAnswerError."""
        return self._request("get", path, deadline)

    def _request(self, method: str, path: str, deadline: Deadline, **body: bytes) -> ApiResponse:
        self._http.deadline = deadline
        endpoint = self._client
        for part in path.split("/"):
            endpoint = endpoint._(part)
        endpoint._make_request = lambda _, request, timeout: self._opener.open(request, timeout=timeout)
        try:
            answer = getattr(endpoint, method)(
                request_headers={"Content-Type": _JSON}, timeout=deadline.remaining(), **body
            )
        except http.client.HTTPException as error:
            raise NoAnswerError("no answer in time" if deadline.passed else "the connection was closed") from error
        except OSError as error:
            raise NoAnswerError("no answer in time" if deadline.passed else spoken(error)) from error
        return ApiResponse(answer.status_code, answer.headers, answer.body)


class _Body(bytes):
    """Bytes that the package takes for text: it would encode them and write them to its log (2 ms for a full batch)."""

    def encode(self, _encoding: str) -> bytes:
        return self

    def __format__(self, _spec: str) -> str:
        return f"{len(self)} bytes"


class _AnyStatus(urllib.request.HTTPErrorProcessor):
    """An answer is an answer: no status is an exception, and no redirect is followed."""

    def http_response(self, request: urllib.request.Request, response: http.client.HTTPResponse) -> Any:
        return response

    https_response = http_response


class _Http(urllib.request.HTTPSHandler, urllib.request.HTTPHandler):
    """Opens connections that the present Deadline watches."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(context=context)
        self.deadline = Deadline(0)
        self._tls = context

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(partial(_Connection, self.deadline), req)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(partial(_TlsConnection, self.deadline, context=self._tls), req)


class _Connection(http.client.HTTPConnection):
    def __init__(self, deadline: Deadline, host: str, **options: Any) -> None:
        super().__init__(host, **options)
        self._deadline = deadline

    def connect(self) -> None:
        """Connect (and, below, shake hands): only here a failure means that nothing was sent."""
        try:
            super().connect()
        except OSError as error:
            raise NotConnectedError(spoken(error)) from error
        sock = self.sock  # urllib takes it away from the connection before the body is read
        self._deadline.watch(lambda: sock)
        if self._deadline.passed:
            raise NotConnectedError("no connection in time")


class _TlsConnection(_Connection, http.client.HTTPSConnection):
    pass
