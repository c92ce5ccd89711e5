"""Mail templates: Jinja fills them in, MJML becomes HTML that mail programs can show.

Each language has two environments over one folder: HTML is escaped, plain text is not. A name without a value is an
error in both.
"""

from __future__ import annotations

import textwrap
from functools import cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from newsletter.core.compiled_templates import CompiledTemplates
from newsletter.core.language_tags import lang_attribute
from newsletter.core.languages import PUBLICATION_LANGUAGE, Language, language_of
from newsletter.core.templates import TEMPLATES

COLUMNS = 72
"""Width of the plain text."""


def compile_mjml(mjml: str) -> str:
    """The HTML of a mail. Raises ValueError when the markup of `mjml` is malformed."""
    from mjml import mjml2html  # here: the site renders no mail until somebody asks for a sample

    # Comments carry Outlook's conditions. Without fonts={} a link to Google's fonts can be added.
    html: str = mjml2html(mjml, disable_comments=False, fonts={})
    return html


def wrap(text: str, indent: str = "") -> str:
    """`text` in lines of `COLUMNS`, those after the first behind `indent`; addresses and long words stay whole."""
    return textwrap.fill(text, COLUMNS, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def mjml_template(name: str, language: Language) -> Template:
    """A template of MJML. Values are escaped, so text stays text."""
    return _environment(language.code, autoescape=True).get_template(name)


def text_template(name: str, language: Language) -> Template:
    """A template of a plain text part or a subject."""
    return _environment(language.code, autoescape=False).get_template(name)


@cache
def _environment(code: str, *, autoescape: bool) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES / "mail"),
        autoescape=autoescape,  # noqa: S701 - off for plain text alone
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        extensions=["jinja2.ext.i18n"],
        bytecode_cache=CompiledTemplates(),
    )
    environment.filters["wrap"] = wrap
    environment.globals["lang"] = lambda tag: lang_attribute(tag, code)
    environment.globals["publication_language"] = PUBLICATION_LANGUAGE
    # The extension adds this method. New style: values are put in by name, and escaped where that is on.
    environment.install_gettext_translations(language_of(code).translations, newstyle=True)  # type: ignore[attr-defined]
    return environment
