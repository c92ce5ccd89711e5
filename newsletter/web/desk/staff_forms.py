"""Shared by the views of sign-in, account and people: limits, the site as passkeys know it, the browser's name."""

from __future__ import annotations

import re

from flask import request

from newsletter.core.errors import InvalidError
from newsletter.core.languages import gettext_noop
from newsletter.core.runtime import runtime
from newsletter.staff.passkeys import RelyingParty
from newsletter.staff.throttling import SignInLimits
from newsletter.subscribers import salts
from newsletter.subscribers.signup.networks import networks_of
from newsletter.web.desk import cookies
from newsletter.web.language import page_language

WRONG_CODE = gettext_noop("This code is wrong, or was used before. %(tries)s")
LAST_TRY = gettext_noop("That was the last try: the next is possible in 15 minutes.")
WAIT = gettext_noop("Too many tries. The next is possible in %(minutes)s min.")

_BROWSERS = (("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def limits() -> SignInLimits:
    """The counts of tries."""
    return SignInLimits(runtime().queues.redis, salts.present_salt(runtime().db))


def networks() -> tuple[str, ...]:
    """The networks of this request. They are counted under hashes, and stored nowhere."""
    return networks_of(request.remote_addr)


def relying_party() -> RelyingParty:
    """The site and this browser, as passkeys know them."""
    return RelyingParty(runtime().settings, cookies.token_of_request())


def browser_name() -> str:
    """Such as "Firefox on Linux", by the User-Agent; "A browser" where it says nothing known."""
    agent = request.headers.get("User-Agent", "")
    browser = next((name for sign, name in _BROWSERS if sign in agent), "A browser")
    system = next((name for sign, name in _SYSTEMS if sign in agent), "")
    return f"{browser} on {system}" if system else browser


def safe_path(path: str) -> str:
    """A path of the desk to go on to; the desk's first page for anything else."""
    is_own = re.fullmatch(r"/desk(?:[/?][A-Za-z0-9/?&=._~%+-]*)?", path) is not None
    is_own = is_own and "//" not in path and "/.." not in path
    return path if is_own else "/desk"


def wait_error(seconds: int) -> InvalidError:
    """The error for too many tries."""
    return InvalidError("sign_in.wait", WAIT, minutes=-(-seconds // 60))


def tries_in_words(remaining: int) -> str:
    """The tries that are left, in a sentence."""
    if remaining == 0:
        return page_language().gettext(LAST_TRY)
    return page_language().counted(
        "You can try once more, then the wait is 15 minutes.",
        "You can try %(number)s more times, then the wait is 15 minutes.",
        remaining,
    )


def wrong_code_error(remaining: int) -> InvalidError:
    """The error for a code that is wrong, or used up."""
    return InvalidError("sign_in.code_wrong", WRONG_CODE, tries=tries_in_words(remaining))
