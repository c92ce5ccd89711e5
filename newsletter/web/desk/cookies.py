"""The desk's two cookies. No page outside of /desk sets or reads one.

The session's holds a random id; before a sign-in, too, since the tokens of forms are made from it. The browser's says
that a person signed in here before: wrong passwords of strangers do not count for it (`staff.throttling`).
`__Host-` ties a cookie to this host, to https and to the whole site (RFC 6265bis 4.1.3.2). Over http, as in the demo,
browsers refuse such names: there they are plain.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from flask import Response, g, request

from newsletter.core import public_paths, tokens
from newsletter.core.config import Settings
from newsletter.core.runtime import runtime
from newsletter.core.tokens import TokenError, TokenSigner

SESSION, BROWSER = "desk", "desk-browser"
BROWSER_AGE = timedelta(days=180)


@dataclass
class _New:
    """Values that the answer to this request sets."""

    session: str = ""
    browser: str = ""


def begin_request() -> None:
    """Set nothing yet."""
    g.desk_cookies = _New()


def _new_cookies() -> _New:
    """Those of this request, also of one that was refused before the desk saw it."""
    if "desk_cookies" not in g:
        begin_request()
    found: _New = g.desk_cookies
    return found


def session_token() -> str:
    """The random id in the session's cookie; a new one, which the answer sets, where the browser has none."""
    new = _new_cookies()
    if new.session:
        return new.session
    token = request.cookies.get(_name(SESSION), "")
    if not tokens.is_random_token(token):
        token = new.session = tokens.random_token()
    return token


def token_of_request() -> str:
    """The id that this request came with, also where the answer sets another one: what was given to the browser before
    the request is bound to it. A new one where it came with none."""
    token = request.cookies.get(_name(SESSION), "")
    return token if tokens.is_random_token(token) else session_token()


def give_session(token: str) -> None:
    """Let the answer set a new id."""
    _new_cookies().session = token


def known_browser(member_email_key: str) -> str:
    """The random number of this browser, if this person signed in here before; else empty."""
    found = _browser_content()
    return found[1] if found and found[0] == member_email_key else ""


def remember_browser(member_email_key: str) -> None:
    """Let the answer say that this person signed in here."""
    _new_cookies().browser = _signer().sign(
        [member_email_key, known_browser(member_email_key) or tokens.random_token()]
    )


def set_cookies(response: Response) -> None:
    """Set what is new."""
    is_secure = runtime().settings.public_url.startswith("https:")
    path = "/" if is_secure else public_paths.DESK
    new = _new_cookies()
    for name, value, age in ((SESSION, new.session, None), (BROWSER, new.browser, BROWSER_AGE)):
        if value:
            response.set_cookie(
                _name(name), value, max_age=age, path=path, secure=is_secure, httponly=True, samesite="Lax"
            )


def session_cookie_name(settings: Settings) -> str:
    """The name of the session's cookie."""
    return _name_of(SESSION, settings)


def _name(name: str) -> str:
    return _name_of(name, runtime().settings)


def _name_of(name: str, settings: Settings) -> str:
    return f"__Host-{name}" if settings.public_url.startswith("https:") else f"{name}-http"


def _browser_content() -> tuple[str, str] | None:
    try:
        key, number = _signer().read(request.cookies.get(_name(BROWSER), ""), BROWSER_AGE)
    except TokenError:
        return None
    return str(key), str(number)


def _signer() -> TokenSigner:
    return TokenSigner(runtime().settings.signing_keys, "desk.browser")
