"""A search as somebody typed it."""

from __future__ import annotations

from dataclasses import dataclass

from newsletter.core.search.folded_words import folded

LONGEST_TEXT = 200
"""Characters; the rest is left out."""
MOST_WORDS = 12
SHORTEST_PREFIX = 3
"""A shorter last word counts as finished: "AI" is no prefix of "air", and the shortest prefixes are slow."""


@dataclass(frozen=True)
class SearchQuery:
    """Words that must all be there; the last one may be a beginning."""

    text: str
    """As it was typed, on one line."""
    words: tuple[str, ...]
    """Folded; none when nothing of the text is a word, and then nothing is found."""

    @classmethod
    def parse(cls, text: str) -> SearchQuery | None:
        """The query that `text` is; None for blanks. No text is an error."""
        text = " ".join(text[:LONGEST_TEXT].split())
        if not text:
            return None
        return cls(text, tuple(dict.fromkeys(folded(text)))[:MOST_WORDS])

    @property
    def last_is_prefix(self) -> bool:
        return bool(self.words) and len(self.words[-1]) >= SHORTEST_PREFIX

    def word_by_word(self) -> list[SearchQuery]:
        """A query for each of its words, where it has several."""
        return [SearchQuery(word, (word,)) for word in self.words] if len(self.words) > 1 else []
