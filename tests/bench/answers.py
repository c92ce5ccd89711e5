"""Answers of the site, read by plain sockets: on a machine that clients share with the service, Python's library for
HTTP would cost more than some of what is measured."""

from __future__ import annotations

import re
import socket

_LENGTH = re.compile(rb"(?i)\ncontent-length: (\d+)")


def read_answer(connection: socket.socket) -> tuple[bytes, bytes]:
    """The head and the body of an answer. Raises OSError for a connection that ends before."""
    head, end, body = b"", b"", b""
    while not end or len(body) < _length(head):
        if not (more := connection.recv(262_144)):
            raise ConnectionError("the server closed the connection")
        head, end, body = (head + end + body + more).partition(b"\r\n\r\n")
    return head, body


def _length(head: bytes) -> int:
    found = _LENGTH.search(head)
    return int(found[1]) if found else 0
