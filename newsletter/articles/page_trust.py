"""The trust score of a page, "Trust69", and the lines of its parts after it, like "Independent sources 12/30"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from newsletter.articles.errors import PageError, quoted
from newsletter.articles.models import TrustPart
from newsletter.articles.page_lines import LineUse, PageLines, plain
from newsletter.articles.rubric_parts import MOST_PARTS, RubricPart, part_named

_PART = re.compile(r"(.+?) ?([0-9]{1,3}) ?/ ?([0-9]{1,3})")


def scores_follow(page: PageLines) -> bool:
    """Whether the scores come next. A title or a dek can begin with the same words, but the scores follow it."""
    if not page.peek().startswith("Trust"):
        return False
    after = next((n for n in range(1, MOST_PARTS + 2) if not _PART.fullmatch(plain(page.peek(n)))), MOST_PARTS + 2)
    return page.peek(after).startswith("Hype") and not page.peek(after + 1).startswith("Trust")


def read_trust(page: PageLines, parts: Sequence[RubricPart]) -> tuple[int, tuple[TrustPart, ...]]:
    """Take the score and its parts; `parts` are those of the rubric.

    Raises PageError, at its line: for a score that is not a number from 0 to 100; for a part that the rubric does not
    have, or that is given twice; for more points than a part can have; and for a sum that is not the score.
    """
    score = _score(page)
    given: list[TrustPart] = []
    while found := _PART.fullmatch(plain(page.peek())):
        page.take("the hype label")
        page.note(LineUse.TRUST_PART)
        given.append(_part(page, parts, found[1], int(found[2]), int(found[3])))
        if len({each.key for each in given}) < len(given):
            raise PageError(page.at, "page.repeated_part", "%(part)s stands there already.", part=quoted(found[1]))
    if given and (points := sum(each.points for each in given)) != score:
        raise PageError(
            page.at,
            "page.wrong_sum",
            "The parts of the score sum to %(points)d, but the score is %(score)d.",
            points=points,
            score=score,
        )
    return score, tuple(given)


def _score(page: PageLines) -> int:
    line = page.take("the trust score")
    if not line.startswith("Trust"):
        raise PageError(
            page.at,
            "page.no_trust",
            "The trust score (like “Trust69”) is missing before %(line_text)s.",
            line_text=quoted(line),
        )
    score = line.removeprefix("Trust").strip()
    if not re.fullmatch("[0-9]{1,3}", score) or int(score) > 100:
        raise PageError(
            page.at,
            "page.wrong_trust",
            "The trust score is %(score)s, but it must be a whole number from 0 to 100.",
            score=quoted(score),
        )
    page.note(LineUse.TRUST)
    return int(score)


def _part(page: PageLines, parts: Sequence[RubricPart], name: str, points: int, most: int) -> TrustPart:
    part = part_named(parts, name)
    if part is None:
        raise PageError(
            page.at,
            "page.unknown_part",
            "The rubric has no part %(part)s: its parts are %(parts)s.",
            part=quoted(name),
            parts=", ".join(each.words["en"].name for each in parts),
        )
    if most != part.most or points > most:
        raise PageError(
            page.at,
            "page.part_points",
            "%(part)s has %(points)d/%(given)d points, but it can have at most %(most)d of %(most)d.",
            part=quoted(name),
            points=points,
            given=most,
            most=part.most,
        )
    return TrustPart(part.key, points)
