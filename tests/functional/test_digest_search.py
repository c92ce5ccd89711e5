"""The search in digests: by subject and stories, also within a section."""

from __future__ import annotations

from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.search import SearchQuery, label
from newsletter.digests import digest_search
from newsletter.digests.queries import get_digest
from tests.factories import add_article, add_readers, hand_over


def test_a_digest_is_found_by_its_subject_and_its_stories(db: Database, settings: Settings) -> None:
    add_article(db, "Überwachung auf der Straße", section="Policy")
    add_article(db, "A small model", section="Models")
    add_readers(db, 1)
    digest_id = hand_over(db, settings)
    with db.transaction() as session:
        digest = get_digest(session, digest_id)
        for _ in range(2):  # again is harmless
            digest_search.put_entry(session, digest, settings.timezone)
    for typed, section, expected in (
        (digest.subject, None, [digest_id]),
        ("strasse mod", None, [digest_id]),
        ("strasse", "Policy", [digest_id]),
        ("strasse", "Safety", []),
        ("nothing", None, []),
    ):
        query = SearchQuery.parse(typed)
        assert query is not None
        with db.reading() as session:
            labels = [label(section)] if section else []
            found = digest_search.INDEX.find(session, query, 10, labels=labels)
        assert [place.number for place in found] == expected, typed
