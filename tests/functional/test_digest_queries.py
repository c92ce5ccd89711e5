"""Reading digests costs a bounded number of queries."""

from __future__ import annotations

from newsletter.core.db import Database
from newsletter.digests.queries import newest_digests
from newsletter.serializers.digests import digest_json
from tests.factories import add_article, add_digest
from tests.services.statements import statements


def test_a_list_takes_three_queries_and_no_body(db: Database) -> None:
    for number in range(3):
        add_article(db, f"Story {number}")
        add_digest(db, subject=f"Digest {number}")
    with statements(db) as executed, db.reading() as session:
        found = [digest_json(digest) for digest in newest_digests(session, 2)]
    assert [(digest["subject"], digest["titles"]) for digest in found] == [
        ("Digest 2", ["Story 2", "Story 1", "Story 0"]),
        ("Digest 1", ["Story 1", "Story 0"]),
    ]
    assert found[1]["articles"] == ["story-1", "story-0"]
    assert len([statement for statement in executed if statement != "BEGIN"]) == 3
    assert "body" not in " ".join(executed)
