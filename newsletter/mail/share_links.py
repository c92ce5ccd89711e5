"""Links that share an article and track nobody: plain addresses, the same for every reader."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote

from newsletter.core.languages import gettext_noop


class ShareLink(NamedTuple):
    """A place to share an article, and the address that opens it with the article filled in."""

    word: str
    href: str


def share_links(title: str, url: str) -> tuple[ShareLink, ...]:
    """The links that share the article `title` (one line) at the absolute address `url`.

    LinkedIn takes the address alone and makes its preview from the page's Open Graph tags. In mailto (RFC 6068) a
    space is %20, never +.
    """
    text, link = quote(title, safe=""), quote(url, safe="")
    return (
        ShareLink("X", f"https://x.com/intent/tweet?text={text}&url={link}"),
        ShareLink("LinkedIn", f"https://www.linkedin.com/sharing/share-offsite/?url={link}"),
        ShareLink(gettext_noop("Email"), f"mailto:?subject={text}&body={link}"),
    )


def page_share_links(title: str, url: str) -> tuple[ShareLink, ...]:
    """The same, and two more places that mails leave out. Mastodon's page asks on which server one is, and sends
    nobody what stands behind the #.
    """
    text = quote(f"{title} {url}", safe="")
    return (
        *share_links(title, url),
        ShareLink("Bluesky", f"https://bsky.app/intent/compose?text={text}"),
        ShareLink("Mastodon", f"https://share.joinmastodon.org/#text={text}"),
    )
