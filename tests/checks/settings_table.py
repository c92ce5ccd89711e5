"""The table of settings in docs/operate.md, made from their declarations: `make settings` writes it."""

from __future__ import annotations

from pathlib import Path

from newsletter.core.config import declared_settings

PAGE = Path(__file__).parents[2] / "docs" / "operate.md"
BEGIN = "<!-- settings: written by `make settings` -->\n"
END = "<!-- end of settings -->\n"


def table() -> str:
    """The table in Markdown."""
    rows = [
        f"| `{name.upper()}` | {each.default_text} | {each.meaning} |" for name, each in declared_settings().items()
    ]
    return "\n".join(["| setting | default | meaning |", "| --- | --- | --- |", *rows, ""])


def is_current() -> bool:
    """Whether the page holds the table as it should be."""
    return BEGIN + table() + END in PAGE.read_text()


def write() -> None:
    """Put the table into the page."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(before + BEGIN + table() + END + after)


if __name__ == "__main__":
    write()
