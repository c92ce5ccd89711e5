"""No query offers a withdrawn article: each asks `is_listed`, but for those that need the newest revision as it is."""

from __future__ import annotations

import re

from tests.services.source import CHECKOUT

KNOW_WITHDRAWALS = {
    "newsletter/articles/listed.py": "the condition itself",
    "newsletter/articles/desk_list.py": "the desk lists withdrawn stories too",
    "newsletter/articles/models.py": "the column and its indexes",
    "newsletter/articles/revising.py": "the next revision follows a withdrawal too",
    "newsletter/articles/importing.py": "addresses of sources survive a withdrawal",
    "newsletter/articles/queries.py": "get_current, for pages that say that a story is withdrawn",
    "newsletter/articles/site_addresses.py": "the page of a withdrawn article stays, so the sitemap has it",
    "newsletter/delivery/letters/changes_since.py": "a withdrawal is a change since a letter was sent",
    "newsletter/digests/pending_corrections.py": "a withdrawal is told while it stands",
    "newsletter/digests/queries.py": "withdrawn_articles, for the preflight",
}
"""The modules that name the newest revision, each with the reason."""


def test_no_other_module_names_the_newest_revision() -> None:
    found = {
        path.relative_to(CHECKOUT).as_posix()
        for path in (CHECKOUT / "newsletter").rglob("*.py")
        if "migrations" not in path.parts
        and re.search(r"Revision\.is_current|\(is_current\b|is_current=True", path.read_text())
    }
    assert found <= KNOW_WITHDRAWALS.keys(), "use articles.listed.is_listed"


def test_in_the_others_the_condition_stands_as_often_as_is_said() -> None:
    for path, times in (("newsletter/articles/queries.py", 1), ("newsletter/digests/queries.py", 1)):
        assert (CHECKOUT / path).read_text().count("Revision.is_current") == times, path
