"""Messages over one connection, one after the other (RFC 5321), in groups where the server offers it (RFC 2920).

A group is MAIL, RCPT and DATA in one write. The next message's group follows the end of a message in the same write,
so that a message costs one round trip. It carries no content: never more than one message's content is unanswered.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from typing import NamedTuple

from newsletter.mail.transports.deadline import Deadline
from newsletter.mail.transports.errors import InDoubtError, NotAcceptedError, RefusedForGoodError
from newsletter.mail.transports.smtp_connection import SmtpConnection
from newsletter.mail.transports.smtp_replies import ClosedError, GoodbyeError, SmtpReply
from newsletter.mail.transports.smtp_url import MailServer

_NOT_ALLOWED = (530, 535, 538)
"""Answers that say: sign in first (RFC 4954 6)."""

_RESET = b"RSET\r\n"
_DATA = b"DATA\r\n"
_END = b".\r\n"


class SmtpMessage(NamedTuple):
    """A message to one recipient, ready to be sent."""

    number: int
    """The recipient's number in the call of `send`."""
    recipient: str
    commands: bytes
    """MAIL, RCPT and DATA."""
    content: Sequence[bytes]
    """In pieces; ends in CRLF, and no line of it begins with a dot."""
    is_ascii: bool
    """Whether both addresses are."""

    @classmethod
    def of(cls, number: int, sender: str, recipient: str, content: Sequence[bytes]) -> SmtpMessage:
        """Make one for `sender` and `recipient`, both as they stand on the wire."""
        is_ascii = sender.isascii() and recipient.isascii()
        # RFC 6531 3.1: a server that offers SMTPUTF8 offers 8BITMIME too.
        options = "" if is_ascii else " SMTPUTF8 BODY=8BITMIME"
        commands = f"MAIL FROM:<{sender}>{options}\r\nRCPT TO:<{recipient}>\r\nDATA\r\n".encode()
        return cls(number, recipient, commands, content, is_ascii)


class SmtpSession:
    """A session over a connection of its own; the constructor raises as SmtpConnection's does.

    `in_groups` False forbids groups.
    """

    def __init__(
        self,
        server: MailServer,
        context: ssl.SSLContext | None,
        timeout: float,
        deadline: Deadline,
        *,
        in_groups: bool = True,
    ) -> None:
        self._connection = SmtpConnection(server, context, timeout, deadline)
        self._replies = self._connection.replies
        self.in_groups = in_groups and self._connection.offers("pipelining")
        self.groups_work = False
        """Whether a group that followed a message was answered: the server not only claims to support it."""
        self.ahead: SmtpMessage | None = None
        """The next message, while its commands are written and not answered yet."""
        self._takes_utf8 = self._connection.offers("smtputf8")
        self._proven = False
        self._unfinished = False

    def use(self, deadline: Deadline, keep_alive: Callable[[], None]) -> None:
        """Use `deadline` from now on, and call `keep_alive` each second while an answer is awaited."""
        self._connection.use(deadline, keep_alive)

    def deliver(self, message: SmtpMessage, following: SmtpMessage | None) -> SmtpReply:
        """Send one message. `following` is the one of the next call, if there will be one.

        Raises ClosedError, NotAcceptedError or RefusedForGoodError, and InDoubtError when the end of the message was
        not answered.
        """
        if not (message.is_ascii or self._takes_utf8):
            return SmtpReply(553, "The mail server takes no addresses with messages beyond ASCII (SMTPUTF8).")
        written, self.ahead = self.ahead is not None, None
        refusal = None if written and self._replies.group_accepted() else self._open(message, written)
        self.groups_work = self.groups_work or written
        if refusal is not None:
            return refusal
        answer = self._content(message, following)
        self._proven = self._proven or answer.yes
        return answer

    def close(self) -> None:
        """Say goodbye, if the server still listens."""
        self._connection.close()

    def drop(self) -> None:
        """Close without a word."""
        self._connection.drop()

    def _open(self, message: SmtpMessage, written: bool) -> SmtpReply | None:
        """MAIL, RCPT and DATA: None when the server waits for the message, else its refusal."""
        if self.in_groups and not written:
            self._connection.write([_RESET, message.commands] if self._unfinished else [message.commands])
        if self._unfinished and self._command(_RESET, message).no:
            raise ClosedError
        mail_from, rcpt_to, _ = message.commands.splitlines(keepends=True)
        mail = self._command(mail_from, message)
        if mail.code >= 500:
            raise RefusedForGoodError(
                "smtp.sender_refused", "The mail server refused the sender, MAIL_FROM: %(answer)s.", answer=mail
            )
        if mail.no:
            raise NotAcceptedError("smtp.busy", "The mail server takes no mail at present: %(answer)s.", answer=mail)
        rcpt = self._command(rcpt_to, message)
        if rcpt.no:
            self._cancel()
            self._check_relay(rcpt)
            return rcpt
        data = self._command(_DATA, message)
        self._unfinished = data.no
        return data if data.no else None

    def _command(self, command: bytes, message: SmtpMessage) -> SmtpReply:
        """The answer to `command`. In a group the command was written already."""
        if not self.in_groups:
            self._connection.write([command])
        answer = self._replies.next(message.recipient)
        if answer.no or (answer.code == 354 if command is _DATA else answer.yes):
            return answer
        raise ClosedError

    def _cancel(self) -> None:
        """End a message whose recipient was refused: in a group DATA is on its way."""
        self._unfinished = True
        if self.in_groups and not self._replies.next().no:
            # RFC 2920 3.1: DATA was accepted though there is no recipient; a dot alone ends that.
            self._connection.write([_END])
            self._replies.next()

    def _check_relay(self, rcpt: SmtpReply) -> None:
        sentence = "The mail server does not pass on our mail: %(answer)s."
        if rcpt.code in _NOT_ALLOWED:  # a missing password must not refuse a whole list
            raise RefusedForGoodError("smtp.no_relay", sentence, answer=rcpt)
        if not self._proven and "relay" in rcpt.text.lower():
            raise RefusedForGoodError("smtp.no_relay", sentence, answer=rcpt, at_recipient=str(rcpt))

    def _content(self, message: SmtpMessage, following: SmtpMessage | None) -> SmtpReply:
        """Send the content; the answer to it. The doubt begins when the last octet is written."""
        if self._replies.unrequested:
            raise ClosedError  # more than it was asked for would be read as the answer to this message
        if following and self.in_groups and (following.is_ascii or self._takes_utf8):
            self.ahead = following
        self._connection.write([*message.content, _END], [self.ahead.commands] if self.ahead else [])
        try:
            # RFC 5321 4.5.3.2.6 asks for 10 minutes here: giving up early sends twice.
            answer = self._replies.next(patient=True)
        except GoodbyeError:
            raise
        except ClosedError as error:
            raise InDoubtError("smtp.answer_lost", "The mail server's answer to a message did not arrive.") from error
        if not (answer.yes or answer.no):
            raise InDoubtError("smtp.answer_unclear", "The mail server's answer to a message could not be understood.")
        return answer
