"""Cutting a digest that was rendered as a whole into segments, at the marks that its templates leave."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from newsletter.digests.segments import FULL_ARTICLES, LISTED_FROM, Segment, When

Escape = Callable[[str], str]


class CutPoints:
    """The marks of one rendering: made of a random token, so that no article can hold one."""

    def __init__(self, token: str) -> None:
        self.article = token
        """`<!--TOKEN n-->` stands before each form of an article, and after the last."""
        self.subject = f"{token}subject"
        self.preheader = f"{token}preheader"
        """The place of the preheader, inside an element between two `<!--TOKENpreheader-->`."""
        self.intro = f"{token}intro"
        """`<!--TOKENintro-->` stands before the introduction, which goes to the contents or the first article."""
        self.corrections = f"{token}corrections"
        """`<!--TOKENcorrections-->` stands before the part on corrections, each of them, and the part's end, which goes
        to the contents or the first article."""
        self.contents = f"{token}contents"
        """`<!--TOKENcontents-->` stands before the list of headlines, each of its lines, its word on more articles, and
        its end, which goes to the first article."""
        self._between = re.compile(rf"\n?<!--{token} \d+-->\n?")
        self._before_intro = re.compile(rf"\n?<!--{self.intro}-->\n?")
        self._before_corrections = re.compile(rf"\n?<!--{self.corrections}-->\n?")
        self._before_contents = re.compile(rf"\n?<!--{self.contents}-->\n?")

    def cut(
        self,
        whole: str,
        articles: int,
        subject: Sequence[Segment],
        preheader: Sequence[Segment],
        escape: Escape,
        *,
        intro: When = When.AT_LEAST,
    ) -> tuple[Segment, ...]:
        """The segments of `whole`; those of subject and preheader come in with their texts escaped.

        `intro` is the condition of the introduction, for one article where it counts them. Raises RuntimeError when a
        mark is missing, which is a bug.
        """
        head, *forms, foot = (piece + "\n" for piece in self._between.split(whole))
        if len(forms) != 2 * articles:
            raise RuntimeError(f"{articles} articles were rendered into {len(forms)} forms")
        blocks = [
            segment
            for position in range(articles)
            for segment in (
                Segment(forms[2 * position], When.IN_FULL, position),
                Segment(forms[2 * position + 1], When.COMPACT, position),
            )
        ]
        head, *contents = (piece + "\n" for piece in self._before_contents.split(head.removesuffix("\n")))
        pieces = self._before_corrections.split(head.removesuffix("\n"))
        head, *corrections = (piece and piece + "\n" for piece in pieces)
        return (
            *self._head(head, subject, preheader, escape, intro),
            *_corrections(corrections),
            *_contents(contents, articles),
            *blocks,
            Segment(foot),
        )

    def fill_in(self, whole: str, subject: str, preheader: str) -> str:
        """`whole` with the written subject and preheader in their places, for people to read."""
        return whole.replace(self.subject, subject).replace(f">{self.preheader}<", f">{preheader}<")

    def _head(
        self, head: str, subject: Sequence[Segment], preheader: Sequence[Segment], escape: Escape, intro: When
    ) -> Iterator[Segment]:
        before, *element = head.split(f"<!--{self.preheader}-->")
        subject = _escaped(subject, escape)
        if not element:
            yield from self._body(before, subject, intro)
            return
        yield from _filled(before, self.subject, subject)
        hidden, after = element
        opening, closing = hidden.split(self.preheader)
        shown = _editions_with(preheader)
        yield from (Segment(opening, when, 2) for when in shown)
        yield from _escaped(preheader, escape)
        yield from (Segment(closing, when, 2) for when in shown)
        yield from self._body(after, subject, intro)

    def _body(self, text: str, subject: Sequence[Segment], intro: When) -> Iterator[Segment]:
        """The text before the articles, with the introduction under its condition."""
        before, *introduction = self._before_intro.split(text)
        yield from _filled(before + "\n" if introduction else before, self.subject, subject)
        yield from (Segment(words, intro, 1) for words in introduction)


def _corrections(pieces: Sequence[str]) -> Iterator[Segment]:
    """The part on corrections: its beginning, each of them, and its end."""
    if not pieces:
        return
    beginning, *corrections, end = pieces
    yield Segment(beginning, When.WITH_CORRECTIONS)
    yield from (Segment(text, When.CORRECTS, number) for number, text in enumerate(corrections))
    yield Segment(end, When.WITH_CORRECTIONS)


def _contents(pieces: Sequence[str], articles: int) -> Iterator[Segment]:
    """The list of headlines: its beginning, a line for each article, the remark on further articles, and its end."""
    if not pieces:
        return
    beginning, *lines, remark, end = pieces
    if len(lines) != articles:
        raise RuntimeError(f"the contents of {articles} articles have {len(lines)} lines")
    yield Segment(beginning, When.AT_LEAST, LISTED_FROM)
    yield from (Segment(line, When.LISTED, position) for position, line in enumerate(lines))
    yield Segment(remark, When.AT_LEAST, FULL_ARTICLES + 1)
    yield Segment(end, When.AT_LEAST, LISTED_FROM)


def _editions_with(preheader: Sequence[Segment]) -> Sequence[When]:
    """The conditions of the editions that have a preheader; none has two of them."""
    conditions = {segment.when for segment in preheader}
    if When.ALWAYS in conditions:
        return [When.ALWAYS]
    shown = [When.WITHOUT_LEAD, When.WITH_LEAD] if When.WITH_LEAD in conditions else [When.AT_LEAST]
    return [*shown, When.ONLY_CORRECTIONS] if When.FIRST_CORRECTION in conditions else shown


def _filled(text: str, place: str, segments: Sequence[Segment]) -> Iterator[Segment]:
    """`text` with `segments` in each place."""
    first, *rest = text.split(place)
    yield Segment(first)
    for piece in rest:
        yield from segments
        yield Segment(piece)


def _escaped(segments: Sequence[Segment], escape: Escape) -> list[Segment]:
    return [Segment(escape(segment.text), segment.when, segment.number) for segment in segments if segment.text]
