"""`newsletter digests`, for the articles of a draft: add, drop, move, refresh."""

from __future__ import annotations

import click

from newsletter.cli.digests.contents_text import describe_contents
from newsletter.cli.digests.views import digests
from newsletter.cli.numbers import ROW
from newsletter.cli.output import emit, json_option
from newsletter.core.actors import OPERATOR
from newsletter.core.runtime import runtime
from newsletter.digests import draft_articles
from newsletter.digests.models import Digest
from newsletter.digests.queries import get_digest
from newsletter.serializers.digests import digest_json

__all__ = ["digests"]

POSITION = click.IntRange(1)


@digests.command()
@click.argument("digest_id", metavar="ID", type=ROW)
@click.argument("slug")
@click.option("--position", type=POSITION, help="1 for the first [the end].")
@json_option
def add(digest_id: int, slug: str, position: int | None, as_json: bool) -> None:
    """Add an article to a draft, at its newest revision."""
    with runtime().db.transaction() as session:
        _emit(draft_articles.add_article(session, digest_id, slug, position=position, by=OPERATOR), as_json=as_json)


@digests.command()
@click.argument("digest_id", metavar="ID", type=ROW)
@click.argument("slug")
@json_option
def drop(digest_id: int, slug: str, as_json: bool) -> None:
    """Take an article out of a draft."""
    with runtime().db.transaction() as session:
        _emit(draft_articles.drop_article(session, digest_id, slug, by=OPERATOR), as_json=as_json)


@digests.command()
@click.argument("digest_id", metavar="ID", type=ROW)
@click.argument("slug")
@click.argument("position", type=POSITION)
@json_option
def move(digest_id: int, slug: str, position: int, as_json: bool) -> None:
    """Move an article of a draft to a position, 1 for the first."""
    with runtime().db.transaction() as session:
        _emit(draft_articles.move_article(session, digest_id, slug, position, by=OPERATOR), as_json=as_json)


@digests.command()
@click.argument("digest_id", metavar="ID", type=ROW)
@json_option
def refresh(digest_id: int, as_json: bool) -> None:
    """Take the newest revision of each article of a draft."""
    with runtime().db.transaction() as session:
        refreshed = draft_articles.refresh_articles(session, digest_id, by=OPERATOR)
        value = digest_json(get_digest(session, digest_id))
    words = "\n".join(f"  {slug}" for slug in refreshed)
    done = f"Digest {digest_id} takes the newest of:\n{words}" if refreshed else f"Digest {digest_id} has the newest."
    emit(value | {"refreshed": refreshed}, done, as_json=as_json)


def _emit(digest: Digest, *, as_json: bool) -> None:
    emit(digest_json(digest), f"Digest {digest.id}: {describe_contents(digest)}", as_json=as_json)
