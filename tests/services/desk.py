"""People and sessions at the desk for tests: a row is made, so that no test has to sign in to look at a page."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import BrowserContext
from sqlalchemy import update
from werkzeug.test import TestResponse

from newsletter.core import clock
from newsletter.core.actors import OPERATOR
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.staff import passwords, people, sessions, totp
from newsletter.staff.models import StaffMember, StaffSession
from newsletter.staff.rights import Role

PASSWORD = "correct horse battery staple"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
_HASHES: list[str] = []


def add_person(
    db: Database, role: Role = Role.ADMIN, *, name: str = "", email: str = "", settings: Settings | None = None
) -> int:
    """A person whose account is set up; with `settings` it has PASSWORD and the code app of SECRET. Their number."""
    name = name or f"{role.value.title()} Example"
    email = email or f"{name.split()[0].lower()}@dispatch.example"
    with db.transaction() as session:
        member = people.add_member(session, email, role, by=OPERATOR, name=name)
        member.set_up_at = clock.now()
        if settings is not None:
            if not _HASHES:
                _HASHES.append(passwords.hash_password(PASSWORD))
            member.password_hash = _HASHES[0]
            member.totp_secret = totp.seal_secret(settings.signing_keys, member.id, SECRET)
        return member.id


def cookie_name(settings: Settings, name: str = "desk") -> str:
    """The name of a cookie of the desk."""
    return f"__Host-{name}" if settings.public_url.startswith("https:") else f"{name}-http"


def start_session(db: Database, number: int) -> str:
    """The id of a new session of a person."""
    with db.transaction() as session:
        return sessions.start_session(session, people.get_member(session, number), "Firefox on Linux")


def outdate_proof(db: Database, number: int) -> None:
    """Let the last proof of a person be old: hard things ask for a new one."""
    with db.transaction() as session:
        session.execute(
            update(StaffSession)
            .where(StaffSession.staff_member_id == number)
            .values(proved_at=clock.now() - timedelta(hours=1))
        )


def app_code(*, steps: int = 0) -> str:
    """The code that the app of SECRET shows now, or so many steps later."""
    import pyotp

    return pyotp.TOTP(SECRET).generate_otp(int(clock.now().timestamp()) // totp.STEP + steps)


@dataclass
class DeskClient:
    """A browser of a person who is signed in. `post` sends the token of the session's forms along."""

    client: FlaskClient
    db: Database
    number: int
    """Of the person."""

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.client.get(path, **more)

    def post(self, path: str, data: dict[str, Any] | None = None, **more: Any) -> TestResponse:
        return self.client.post(path, data={"form_token": self.form_token(), **(data or {})}, **more)

    def form_token(self) -> str:
        """The token on the person's own pages."""
        return token_of_page(self.client.get("/desk/account").text)

    def member(self) -> StaffMember:
        with self.db.reading() as session:
            return session.get_one(StaffMember, self.number)


def token_of_page(page: str) -> str:
    """The token of the forms on a page of the desk; "none" where there is none."""
    found = re.search(r'name="form_token" value="([^"]+)"', page)
    return html.unescape(found[1]) if found else "none"


def sign_in(app: Flask, db: Database, settings: Settings, number: int) -> DeskClient:
    """A browser in which the person is signed in."""
    client = app.test_client()
    token = start_session(db, number)
    path = "/" if settings.public_url.startswith("https:") else "/desk"
    client.set_cookie(cookie_name(settings), token, domain=settings.public_host, path=path, secure=True)
    return DeskClient(client, db, number)


def sign_in_browser(context: BrowserContext, db: Database, settings: Settings, number: int) -> None:
    """Let a browser's context be signed in as a person."""
    context.add_cookies(
        [
            {
                "name": cookie_name(settings),
                "value": start_session(db, number),
                "domain": settings.public_host,
                "path": "/desk",
                "httpOnly": True,
                "sameSite": "Lax",
            }
        ]
    )
