"""Markdown of editors: one parser, and renderers for pages and feeds, for mails, and for plain text.

It is CommonMark (spec.commonmark.org) without HTML and images. Links lead to the web or to a mailbox alone. `block_…`
takes a text of paragraphs, lists and headings, `line_…` one line of words.
"""

from newsletter.core.markdown.mail_html import block_mail_html, line_mail_html
from newsletter.core.markdown.page_html import block_html, line_html
from newsletter.core.markdown.parser import LONGEST
from newsletter.core.markdown.plain_text import block_text, line_text

__all__ = ["LONGEST", "block_html", "block_mail_html", "block_text", "line_html", "line_mail_html", "line_text"]
