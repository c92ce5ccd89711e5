"""The preview: an edition as it will be sent, at an address of its own that pages of the desk frame in a sandbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import Response, request
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from newsletter.articles.models import Revision
from newsletter.core.config import Settings
from newsletter.core.languages import LANGUAGES, PUBLICATION_LANGUAGE, gettext_noop
from newsletter.core.runtime import runtime
from newsletter.delivery.freezing.wanted_articles import mask_of
from newsletter.delivery.reports.edition_preview import preview_edition
from newsletter.digests.models import Digest
from newsletter.digests.queries import get_with_articles
from newsletter.staff.rights import Right
from newsletter.web.desk.access import needs
from newsletter.web.desk.blueprint import desk
from newsletter.web.desk.cached_corrections import cached_corrections
from newsletter.web.desk.cached_mails import cached_rendering
from newsletter.web.language import page_language
from newsletter.web.request_values import parse_number
from newsletter.web.security_headers import FRAMED_BY_US

PREVIEW_POLICY = f"default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; sandbox; {FRAMED_BY_US}"
"""A mail carries its styles in itself, and may do nothing else."""

NO_MAIL = gettext_noop("No story fits: no mail.")

CHOSEN, TOLD = "chosen", "told"
"""In place of an edition's mask: of a reader with the preferences of the address; of one who is told of corrections."""


@dataclass(frozen=True)
class Preview:
    """The parameters of a preview's address; those that cannot be read are as if they were not there."""

    edition: str = ""
    """A mask in decimal, CHOSEN, TOLD, or "" for all stories."""
    sections: tuple[str, ...] = ()
    trust: int = 0
    hype: str = ""
    language: str = PUBLICATION_LANGUAGE
    part: str = "html"
    width: str = "phone"
    scheme: str = "light"

    @classmethod
    def of(cls, args: MultiDict[str, str]) -> Preview:
        """The preview of an address."""
        return cls(
            edition=args.get("edition", "")[:20],
            sections=tuple(args.getlist("section"))[:60],
            trust=min(parse_number(args.get("trust", "")) or 0, 100),
            hype=args.get("hype", ""),
            language=args["in"] if args.get("in") in LANGUAGES else PUBLICATION_LANGUAGE,
            part="text" if args.get("part") == "text" else "html",
            width="wide" if args.get("width") == "wide" else "phone",
            scheme="dark" if args.get("scheme") == "dark" else "light",
        )

    def mask(self, digest: Digest, settings: Settings, corrections: int = 0) -> int:
        """The mask of the edition, where the digest carries this number of corrections; 0 where there is none."""
        count = len(digest.items)
        everything = (1 << count) - 1
        if not count or self.edition == TOLD:
            return everything | ((1 << corrections) - 1) << count
        if self.edition == CHOSEN:
            sections = self.sections or None
            return mask_of(digest.revisions, sections, self.trust, self.hype or None, settings.hype_labels)
        if self.named_mask is None:
            return everything
        return self.named_mask if self.named_mask <= everything else 0

    @property
    def named_mask(self) -> int | None:
        """The mask that stands in the address; None where something else does."""
        return int(self.edition) if self.edition.isascii() and self.edition.isdigit() else None

    @property
    def query(self) -> Mapping[str, str | Sequence[str]]:
        """The parameters of the address, without those that are as they are anyway."""
        values: dict[str, str | Sequence[str]] = {
            "edition": self.edition,
            "section": self.sections,
            "trust": str(self.trust) if self.trust else "",
            "hype": self.hype,
            "in": self.language if self.language != PUBLICATION_LANGUAGE else "",
            "part": self.part if self.part != "html" else "",
            "width": self.width if self.width != "phone" else "",
            "scheme": self.scheme if self.scheme != "light" else "",
        }
        return {name: value for name, value in values.items() if value}


@desk.get("/digests/<int:number>/preview", endpoint="preview")
@needs(Right.WRITE)
def preview(number: int) -> Response:
    """HTML or text of an edition; a sentence where no story is left."""
    wanted, settings = Preview.of(request.args), runtime().settings
    with runtime().db.reading() as session:
        digest = get_with_articles(session, number)
        corrections = _corrections(session, number) if wanted.edition == TOLD else []
        rendered = cached_rendering(session, digest, wanted.language, corrections)
        mask = wanted.mask(digest, settings, rendered.corrections)
        if not mask:
            return _framed(page_language().gettext(NO_MAIL), "text/plain")
        found = preview_edition(rendered, mask)
    return _framed(found.html, "text/html") if wanted.part == "html" else _framed(found.text, "text/plain")


def _corrections(session: Session, number: int) -> list[Revision]:
    cached = cached_corrections(number)
    return [session.get_one(Revision, each.revision_id) for each in cached.corrections] if cached else []


def _framed(content: str, mimetype: str) -> Response:
    response = Response(content, mimetype=mimetype)
    response.headers["Content-Security-Policy"] = PREVIEW_POLICY
    return response
