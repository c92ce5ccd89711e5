"""Markdown as HTML of mails: the look stands in style attributes, since some programs drop style sheets.

Outlook's Word engine keeps margins, and padding of table cells alone; so there is no padding.
"""

from __future__ import annotations

from markupsafe import Markup

from newsletter.core.markdown.parser import parse_block, parse_line
from newsletter.core.markdown.rendering import DIRECTED, render_html

LINK_COLOUR = "#123c69"
RULE_COLOUR = "#d8d8d2"
"""The colours of templates/mail/look.mjml."""

_HEADING = "margin:20px 0px 8px;font-family:Georgia,'Times New Roman',serif;font-weight:bold;line-height:1.2;"
_MONOSPACE = "font-family:Consolas,Menlo,monospace;"
_STYLES = {
    "a": f"color:{LINK_COLOUR};text-decoration:underline;",
    "blockquote": "margin:0px 0px 12px 20px;font-style:italic;",
    "code": f"{_MONOSPACE}font-size:15px;",
    "h2": f"{_HEADING}font-size:22px;",
    "h3": f"{_HEADING}font-size:19px;",
    **dict.fromkeys(("h4", "h5", "h6"), f"{_HEADING}font-size:17px;"),
    "hr": f"margin:16px 0px;border:0px;border-top:1px solid {RULE_COLOUR};",
    "li": "margin:0px 0px 6px;",
    **dict.fromkeys(("ol", "ul"), "margin:0px 0px 12px 24px;padding:0px;"),
    "p": "margin:0px 0px 12px;",
    "pre": f"margin:0px 0px 12px;white-space:pre-wrap;{_MONOSPACE}",
}
_CLASSES = {"a": "accent", "hr": "rule"}
"""By them the templates change colours in the dark."""
_ADDED = {
    tag: {
        **({"class": _CLASSES[tag]} if tag in _CLASSES else {}),
        **({"dir": "auto"} if tag in DIRECTED else {}),
        "style": style,
    }
    for tag, style in _STYLES.items()
}


def block_mail_html(text: str) -> Markup:
    """A text as HTML for a mail."""
    return render_html(parse_block(text), _ADDED)


def line_mail_html(text: str) -> Markup:
    """One line as HTML for a mail, without an element around it."""
    return render_html(parse_line(text), _ADDED)
