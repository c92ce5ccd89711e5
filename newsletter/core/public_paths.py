"""The public paths, in one place: the web makes its routes from them, and mails their links.

A route is made with the placeholder in the place of the value: `preferences("<token>")`.
"""

from __future__ import annotations

FRONT = "/"
SUBSCRIBE = "/subscribe"
EMBED = "/embed"
SAMPLE = "/sample"
ARTICLES = "/articles"
FEEDS = "/feeds"
SITEMAP = "/sitemap.xml"
ABOUT = "/about"
PRIVACY = "/privacy"
IMPRINT = "/imprint"
ROBOTS = "/robots.txt"
SECURITY = "/.well-known/security.txt"
FAVICON = "/favicon.ico"
LETTERS = "/letters"
TRUST = "/trust"
CORRECTIONS = "/corrections"
HEALTH = "/healthz"
SENDGRID_WEBHOOK = "/hooks/sendgrid"
KOFI_WEBHOOK = "/hooks/kofi"
SUPPORT = "/support"
OPEN = "/open"
OPEN_FIGURES = f"{OPEN}/figures.csv"
OPEN_MESSAGE = f"{OPEN}/letter.eml"
DESK = "/desk"


def article(slug: str) -> str:
    """A story as it is now."""
    return f"{ARTICLES}/{slug}"


def revision(slug: str, number: int | str) -> str:
    """A story as it was."""
    return f"{history(slug)}/{number}"


def history(slug: str) -> str:
    """All revisions of a story, and what changed between any two."""
    return f"{article(slug)}/revisions"


def share_image(slug: str, number: int | str) -> str:
    """The picture that other sites show of a revision."""
    return f"{history(slug)}/{number}.png"


def feed(name: str, form: str) -> str:
    """A feed; `name` is "stories", "corrections" or "letters", `form` is "rss", "atom" or "json"."""
    return f"{FEEDS}/{name}.{form}"


def section_feed(section: str, form: str) -> str:
    """The feed of a section's stories."""
    return feed(f"sections/{section}", form)


def sitemap_part(number: int | str) -> str:
    """A part of the sitemap, counted from 1."""
    return f"/sitemaps/{number}.xml"


def letter(name: str) -> str:
    """A digest as it was sent; `name` is its letter's (`digests.letter_names`)."""
    return f"{LETTERS}/{name}"


def letter_mail(name: str) -> str:
    """The HTML of its mail."""
    return f"{letter(name)}/mail"


def letter_text(name: str) -> str:
    """The text part of its mail."""
    return f"{letter(name)}/text"


def letter_source(name: str) -> str:
    """The checks of its raw message."""
    return f"{letter(name)}/source"


def letter_message(name: str) -> str:
    """The raw message as a file."""
    return f"{letter(name)}/message.txt"


def letter_links(name: str) -> str:
    """Where a reader's own links lead in a mail that everybody can see: a page that says what they are for."""
    return f"{letter(name)}/links"


def confirmation(token: str) -> str:
    """The link of a confirmation mail."""
    return f"/confirm/{token}"


def preferences(token: str) -> str:
    """A reader's preferences."""
    return f"/preferences/{token}"


def pause(token: str) -> str:
    """Where a reader's pause is posted to."""
    return f"{preferences(token)}/pause"


def unsubscribing(token: str) -> str:
    """The unsubscribe link, which takes a mail provider's one-click too (RFC 8058)."""
    return f"/unsubscribe/{token}"


def undo_unsubscribing(token: str) -> str:
    """Where a reader takes an unsubscription back."""
    return f"{unsubscribing(token)}/undo"


def unsubscribe_reason(token: str) -> str:
    """Where a reader's reason is posted to."""
    return f"{unsubscribing(token)}/reason"


def request_link(purpose: str, token: str) -> str:
    """Where a reader requests a one-time link; `purpose` is a LinkPurpose."""
    return f"/{purpose}-link/{token}"


def one_time_page(purpose: str, token: str) -> str:
    """The page that a one-time link opens; `purpose` is a LinkPurpose."""
    return f"/{purpose}/{token}"


def download(token: str) -> str:
    """A reader's data as JSON."""
    return f"{one_time_page('data', token)}/download"


def erasure(token: str) -> str:
    """Where a reader erases their data."""
    return f"{one_time_page('data', token)}/erase"


def new_address(token: str) -> str:
    """The link to a new address, which confirms a change."""
    return f"/new-address/{token}"


def old_address(token: str) -> str:
    """The link to an old address, which undoes a change."""
    return f"/old-address/{token}"


def desk_link(token: str) -> str:
    """The link of an invitation to the desk, or of a reset."""
    return f"{DESK}/link/{token}"


def asset(version: str, name: str) -> str:
    """A stylesheet, icon or script."""
    return f"/assets/{version}/{name}"
