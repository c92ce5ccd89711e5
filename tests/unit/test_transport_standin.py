"""The stand-in is as strict as SendGrid: what the tests of the transport prove depends on it."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from tests.services.sendgrid_standin import KEY, SendGridStandIn


def document(recipients: int = 1) -> dict[str, Any]:
    return {
        "personalizations": [{"to": [{"email": f"reader{n}@example.org"}]} for n in range(recipients)],
        "from": {"email": "letters@example.org"},
        "subject": "News",
        "content": [{"type": "text/plain", "value": "News"}, {"type": "text/html", "value": "<p>News"}],
    }


def post(url: str, body: bytes, key: str = KEY, kind: str = "application/json") -> tuple[int, Any, str | None]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": kind}
    connection.request("POST", "/v3/mail/send", body, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, json.loads(content or b"null"), answer.headers["X-Message-Id"]


def first(change: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    return lambda whole: whole["personalizations"][0].update(change)


BREACHES: list[tuple[Callable[[dict[str, Any]], object], str | None]] = [
    (lambda d: d.pop("from"), "from.email"),
    (lambda d: d.pop("subject"), "subject"),
    (lambda d: d.pop("content"), "content"),
    (lambda d: d["content"].reverse(), "content"),
    (lambda d: d["content"][0].update(value=""), "content"),
    (lambda d: d.update(colour="red"), "colour"),
    (lambda d: d.update(reply_to={"email": "nobody"}), "reply_to.email"),
    (lambda d: d.update(categories=["c"] * 11), "categories"),
    (lambda d: d.update(custom_args={}), "custom_args"),
    (lambda d: d.update(custom_args={"n": 1}), "custom_args"),
    (lambda d: d.update(headers={"Reply-To": "a@example.org"}), "headers.Reply-To"),
    (lambda d: d.update(tracking_settings={"open_tracking": {"enable": 0}}), "tracking_settings.open_tracking"),
    (lambda d: d.update(tracking_settings={"gaze": {"enable": False}}), "tracking_settings.gaze"),
    (lambda d: d.update(personalizations=[]), None),
    (lambda d: d.update(document(1001)), None),
    (lambda d: d["personalizations"][1].update(to=[{"email": "a..b@example.org"}]), "personalizations.1.to.0.email"),
    (lambda d: d["personalizations"][1].update(to=[{"email": "jörg@example.org"}]), "personalizations.1.to.0.email"),
    (lambda d: d["personalizations"][1].update(to=[{"email": "Reader0@example.org"}]), "personalizations.1.to"),
    (first({"to": []}), "personalizations.0.to"),
    (first({"to": [{"email": f"r{n}@example.com"} for n in range(1000)]}), None),
    (first({"substitutions": {"x": "y" * 10_000}}), "personalizations.0.substitutions"),
    (first({"custom_args": {"n": "y" * 10_000}}), "personalizations.0.custom_args"),
    (first({"headers": {"bcc": "a@example.org"}}), "personalizations.0.headers.bcc"),
    (first({"headers": {"X": "a\r\nBcc: b"}}), "personalizations.0.headers.X"),
    (first({"wish": "x"}), "personalizations.0"),
]


@pytest.mark.parametrize(("breach", "field"), BREACHES)
def test_a_breach_of_the_rules_is_a_400_that_names_it(
    breach: Callable[[dict[str, Any]], object], field: str | None
) -> None:
    broken = document(2)
    breach(broken)
    with SendGridStandIn() as standin:
        status, answer, message_id = post(standin.url, json.dumps(broken).encode())

        assert status == 400
        assert [error["field"] for error in answer["errors"]] == [field]
        assert message_id is None
        assert not standin.counts


def test_what_keeps_the_rules_is_taken_with_a_message_id() -> None:
    with SendGridStandIn() as standin:
        assert post(standin.url, json.dumps(document(1000)).encode()) == (202, None, standin.message_ids[0])
        assert set(standin.counts.values()) == {1}


def test_key_form_and_size_have_their_own_status() -> None:
    good = json.dumps(document()).encode()
    with SendGridStandIn() as standin:
        assert post(standin.url, good, key="SG.wrong")[0] == 401
        assert post(standin.url, good, kind="text/plain")[0] == 415
        assert post(standin.url, good.replace(b"News", b"\xff"))[0] == 415
        assert post(standin.url, b"{")[0] == 400
        assert post(standin.url, good.replace(b"News", b"x" * 30 * 1024 * 1024))[0] == 413
        assert not standin.counts


def test_it_runs_as_a_process_of_its_own_and_counts() -> None:
    command = [sys.executable, "-m", "tests.services.sendgrid_standin", "--fast"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        url = process.stdout.readline().strip()
        for _ in range(2):
            assert post(url, json.dumps(document(2)).encode())[0] == 202
        with urlopen(url + "/counts") as answer:
            totals = json.load(answer)
        process.terminate()
    assert (totals["taken"], totals["recipients"], totals["addresses"], totals["twice"]) == (2, 4, 2, 2)
