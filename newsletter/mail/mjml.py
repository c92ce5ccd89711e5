"""Mail templates: Jinja for what changes, MJML for what mail programs need.

Two environments over one folder: HTML is escaped, plain text is not. Both stop at a name that nobody gave.
"""

from __future__ import annotations

import textwrap

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from mjml import mjml2html

from newsletter.core.templates import TEMPLATES

COLUMNS = 72
"""Width of the plain text."""


def compile_mjml(mjml: str) -> str:
    """HTML for `mjml`, which holds the whole of a mail. Raises ValueError when its markup is malformed.

    `fonts={}`: without it a link to Google's fonts can be added. Comments carry Outlook's conditions and are kept.
    """
    html: str = mjml2html(mjml, disable_comments=False, fonts={})
    return html


def wrap(text: str, indent: str = "") -> str:
    """`text` in lines of `COLUMNS`, those after the first behind `indent`; addresses and long words stay whole."""
    return textwrap.fill(text, COLUMNS, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _environment(*, autoescape: bool) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES / "mail"),
        autoescape=autoescape,  # noqa: S701 - off for plain text alone
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["wrap"] = wrap
    return environment


MJML_TEMPLATES = _environment(autoescape=True)
"""For MJML: everything that is put in is text and stays it."""

TEXT_TEMPLATES = _environment(autoescape=False)
"""For plain text parts and subjects."""
