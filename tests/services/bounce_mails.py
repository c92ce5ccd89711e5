"""Bounce mails and complaint reports as mail servers write them, about a mail that went out with a return path."""

from __future__ import annotations

from email.message import EmailMessage

READER = "ada@readers.example"


def original(return_path: str) -> str:
    """The mail that went out, as the receiving side has it."""
    return (
        f"Return-Path: <{return_path}>\r\nFrom: Dispatch <letters@dispatch.example>\r\nTo: {READER}\r\n"
        "Subject: News\r\nMessage-ID: <1@dispatch.example>\r\n\r\nNews.\r\n"
    )


def dsn(
    to: str, status: str = "5.1.1", action: str = "failed", said: str = f"smtp; 550 5.1.1 <{READER}> user unknown"
) -> bytes:
    """RFC 3464, as Postfix writes it."""
    return (
        f"Return-Path: <>\r\nDelivered-To: {to}\r\nTo: {to}\r\n"
        "From: MAILER-DAEMON@mx.example (Mail Delivery System)\r\n"
        "Subject: Undelivered Mail Returned to Sender\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b1"\r\n\r\n'
        "--b1\r\nContent-Type: text/plain\r\n\r\nI'm sorry to have to inform you.\r\n\r\n"
        "--b1\r\nContent-Type: message/delivery-status\r\n\r\n"
        "Reporting-MTA: dns; mx.example\r\nArrival-Date: Sat, 2 May 2026 07:00:00 +0000\r\n\r\n"
        f"Final-Recipient: rfc822; {READER}\r\nAction: {action}\r\nStatus: {status}\r\nDiagnostic-Code: {said}\r\n\r\n"
        f"--b1\r\nContent-Type: message/rfc822\r\n\r\n{original('<>')}\r\n--b1--\r\n"
    ).encode()


def arf(enclosed: str, feedback: str = "abuse", extra: str = "") -> bytes:
    """RFC 5965, sent to the address of a feedback loop; the reader's address is taken out, as most do."""
    return (
        "From: fbl@provider.example\r\nTo: complaints@dispatch.example\r\n"
        "Subject: Abuse report\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="b1"\r\n\r\n'
        "--b1\r\nContent-Type: text/plain\r\n\r\nThis is an abuse report.\r\n\r\n"
        "--b1\r\nContent-Type: message/feedback-report\r\n\r\n"
        f"Feedback-Type: {feedback}\r\nUser-Agent: SomeGenerator/1.0\r\nVersion: 1\r\n{extra}\r\n"
        f"--b1\r\nContent-Type: message/rfc822\r\n\r\n{enclosed}\r\n--b1--\r\n"
    ).encode()


def qmail(to: str) -> bytes:
    """A form of its own, which flufl.bounce knows."""
    return (
        f"From: MAILER-DAEMON@qmail.example\r\nTo: {to}\r\nSubject: failure notice\r\n\r\n"
        "Hi. This is the qmail-send program at qmail.example.\r\n"
        "I'm afraid I wasn't able to deliver your message to the following addresses.\r\n"
        "This is a permanent error; I've given up. Sorry it didn't work out.\r\n\r\n"
        f"<{READER}>:\r\nSorry, no mailbox here by that name. (#5.1.1)\r\n\r\n"
        "--- Below this line is a copy of the message.\r\n\r\n" + original("<>")
    ).encode()


def holiday(to: str) -> bytes:
    """RFC 3834: an answer that goes to the return path as bounces do."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = READER, to, "Out of office"
    mail["Auto-Submitted"] = "auto-replied"
    mail.set_content("I am away until Monday, and cannot answer. For failed deliveries ask my colleague.\n")
    return mail.as_bytes()
