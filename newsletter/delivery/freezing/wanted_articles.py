"""The articles of a digest that a reader wants, by their preferences."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from newsletter.articles.models import Revision


def mask_of(
    revisions: Sequence[Revision],
    sections: Collection[str] | None,
    min_trust: int,
    max_hype: str | None,
    labels: Sequence[str],
) -> int:
    """The articles of a digest that preferences allow: bit i is set where the article at position i fits.

    `labels` are HYPE_LABELS; a highest hype that is none of them allows any.
    """
    most = labels.index(max_hype) if max_hype in labels else len(labels)
    return sum(
        1 << position
        for position, revision in enumerate(revisions)
        if revision.trust >= min_trust
        and (sections is None or revision.section in sections)
        and _rank(revision.hype, labels) <= most
    )


def _rank(label: str, labels: Sequence[str]) -> int:
    """The rank of a hype label. One that the setting does not know any more comes after all others."""
    return labels.index(label) if label in labels else len(labels)
