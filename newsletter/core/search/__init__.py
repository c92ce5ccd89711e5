"""Full text search: one behaviour on FTS5 of SQLite and on the text search of PostgreSQL.

Their own ideas of words, letters and stems disagree (tried: neither of the two finds all of "Straße", "Überwachung" and
"ai-act" by what people type). So words are cut and folded in Python, before they are stored and before they are looked
up, and the databases only compare them.
"""

from newsletter.core.search.entry_places import LARGEST_NUMBER, Place
from newsletter.core.search.folded_words import label, words_of
from newsletter.core.search.index import FIRST, LAST, MOST_COUNTED, SearchIndex
from newsletter.core.search.queries import SearchQuery

__all__ = [
    "FIRST",
    "LARGEST_NUMBER",
    "LAST",
    "MOST_COUNTED",
    "Place",
    "SearchIndex",
    "SearchQuery",
    "label",
    "words_of",
]
