"""Messages to systemd about this service (sd_notify(3)): one datagram each, if it asked for any."""

from __future__ import annotations

import os
import socket
from contextlib import suppress

_NEVER = 3600.0


def notify(message: str) -> None:
    """Tell systemd; nothing happens where NOTIFY_SOCKET is not set."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]  # the abstract namespace
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
        connection.sendto(message.encode(), address)


def watchdog_interval() -> float:
    """Seconds after which systemd's watchdog is due another sign of life: half of what it allows."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return _NEVER
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    return int(microseconds) / 2_000_000 if microseconds.isdigit() and int(microseconds) else _NEVER
