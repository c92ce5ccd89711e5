"""The moves of the composer: what each button of the page does to a draft, as the page shows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from flask import abort
from sqlalchemy.orm import Session

from newsletter.core.actors import Actor
from newsletter.core.config import Settings
from newsletter.digests import changes, composing, draft_articles, drafting
from newsletter.digests.links.wanting import want_digest_links, want_new_digest_links
from newsletter.digests.models import Digest
from newsletter.digests.queries import digest_article, get_with_articles
from newsletter.digests.text import dek_line
from newsletter.web.request_values import parse_number


@dataclass(frozen=True)
class Move:
    """A move as its form posts it."""

    number: int
    """Of the digest."""
    version: int
    """The version of the digest that the page shows."""
    form: Mapping[str, str]
    by: Actor
    settings: Settings

    @property
    def name(self) -> str:
        """Of MOVES. A button's value is the name, and with a slash the slug."""
        return self.form.get("do", "").partition("/")[0]

    @property
    def slug(self) -> str:
        """Of the article."""
        return self.form.get("do", "").partition("/")[2] or self.form.get("slug", "")

    @property
    def has_words(self) -> bool:
        """Whether the words around the stories came along, as they do without scripts."""
        return "subject" in self.form

    @property
    def position(self) -> int:
        """0 for anything that is no position."""
        return parse_number(self.form.get("position", "")) or 0


def make_move(session: Session, move: Move) -> None:
    """Make the move that the form's `do` names. Raises what the move raises; 400 for no move."""
    made = MOVES.get(move.name)
    if made is None:
        abort(400)
    get_with_articles(session, move.number)  # the moves find it in the session, with all its articles
    made(session, _keep_entered(session, move))


def want_links(session: Session, move: Move) -> bool:
    """Have a job probe the links that a move brought, or all when that is the move; whether there are any."""
    if move.name not in ("check", *_BRING_LINKS) and not move.has_words:
        return False
    digest = get_with_articles(session, move.number)
    if move.name == "check":
        want_digest_links(session, move.settings, digest)
        return True
    return want_new_digest_links(session, move.settings, digest)


def _keep_entered(session: Session, move: Move) -> Move:
    """Save what comes along with a button for something else, as it does where no script saves it."""
    if move.name not in ("dek", "lead") and _is_dek_changed(session, move):
        slug, dek = move.form["slug"], move.form["dek"]
        kept = draft_articles.set_dek(session, move.number, slug, dek, version=move.version, by=move.by)
        move = replace(move, version=kept.version)
    if move.name != "texts" and (words := _changed_words(session, move)):
        move = replace(move, version=_save_words(session, move, words).version)
    return move


def _is_dek_changed(session: Session, move: Move) -> bool:
    """Whether the dek that comes along is another than the one stored, of a story that the letter still has."""
    items = {item.revision.slug: item for item in get_with_articles(session, move.number).items}
    item = items.get(move.form.get("slug", "")) if "dek" in move.form else None
    return item is not None and dek_line(move.form["dek"]) != (item.own_dek or item.revision.dek)


def _add(session: Session, move: Move) -> None:
    draft_articles.add_article(session, move.number, move.slug, version=move.version, by=move.by)


def _drop(session: Session, move: Move) -> None:
    draft_articles.drop_article(session, move.number, move.slug, version=move.version, by=move.by)


def _put_back(session: Session, move: Move) -> None:
    draft_articles.put_back(session, move.number, move.slug, version=move.version, by=move.by)


def _place(session: Session, move: Move) -> None:
    draft_articles.move_article(session, move.number, move.slug, move.position, version=move.version, by=move.by)


def _up(session: Session, move: Move) -> None:
    _step(session, move, -1)


def _down(session: Session, move: Move) -> None:
    _step(session, move, 1)


def _step(session: Session, move: Move, step: int) -> None:
    digest = get_with_articles(session, move.number)
    position = digest_article(digest, move.slug).position + 1 + step
    position = min(max(position, 1), len(digest.items))
    draft_articles.move_article(session, move.number, move.slug, position, version=move.version, by=move.by)


def _dek(session: Session, move: Move) -> None:
    dek = move.form.get("dek", "")
    draft_articles.set_dek(session, move.number, move.slug, dek, version=move.version, by=move.by)


def _lead(session: Session, move: Move) -> None:
    """Make a story the lead. Its dek in the field beside the button is kept, too: it may not be saved yet."""
    version = move.version
    if "dek" in move.form:
        dek = move.form["dek"]
        version = draft_articles.set_dek(session, move.number, move.slug, dek, version=version, by=move.by).version
    composing.edit_draft(session, move.number, lead=move.slug, version=version, by=move.by)


def _texts(session: Session, move: Move) -> None:
    _save_words(session, move, _changed_words(session, move))


def _changed_words(session: Session, move: Move) -> dict[str, str]:
    """Only those texts that changed: one that stays was not written for the present lead."""
    digest = get_with_articles(session, move.number)
    posted = {name: move.form[name] for name in ("subject", "preheader", "intro") if name in move.form}
    # Browsers post lines with CR LF.
    texts = {name: text.replace("\r\n", "\n").strip() for name, text in posted.items()}
    return {name: text for name, text in texts.items() if text != getattr(digest, name)}


def _save_words(session: Session, move: Move, words: dict[str, str]) -> Digest:
    subject, preheader, intro = (words.get(name) for name in ("subject", "preheader", "intro"))
    return composing.edit_draft(
        session, move.number, subject=subject, preheader=preheader, intro=intro, version=move.version, by=move.by
    )


def _refresh(session: Session, move: Move) -> None:
    draft_articles.refresh_articles(session, move.number, version=move.version, by=move.by)


def _choose(session: Session, move: Move) -> None:
    drafting.choose_by_rule(session, move.number, move.settings.timezone, version=move.version, by=move.by)


def _undo(session: Session, move: Move) -> None:
    changes.undo(session, move.number, move.version, by=move.by)


def _redo(session: Session, move: Move) -> None:
    changes.redo(session, move.number, move.version, by=move.by)


def _check(session: Session, move: Move) -> None:
    """Change nothing: `want_links` does it."""


MOVES: dict[str, Callable[[Session, Move], None]] = {
    "add": _add,
    "drop": _drop,
    "put_back": _put_back,
    "place": _place,
    "up": _up,
    "down": _down,
    "dek": _dek,
    "lead": _lead,
    "texts": _texts,
    "refresh": _refresh,
    "choose": _choose,
    "undo": _undo,
    "redo": _redo,
    "check": _check,
}
_BRING_LINKS = ("add", "put_back", "texts", "refresh", "choose")
