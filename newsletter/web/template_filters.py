"""Filters and globals of the templates: words, dates and links in the language of the page."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from email.utils import format_datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from flask import Flask, render_template, url_for
from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from newsletter.articles import grades, texts
from newsletter.articles.addresses import article_address
from newsletter.articles.article_filter import Period
from newsletter.articles.article_list import ListedArticle
from newsletter.articles.facts_line import facts_line
from newsletter.articles.listed_revisions import ListedRevision
from newsletter.articles.models import Revision
from newsletter.core import clock, public_paths
from newsletter.core.errors import NewsletterError
from newsletter.core.language_tags import lang_attribute
from newsletter.core.languages import (
    LANGUAGES,
    PUBLICATION_LANGUAGE,
    Language,
    duration_in_units,
    gettext_noop,
    language_of,
)
from newsletter.core.runtime import runtime
from newsletter.core.search import MOST_COUNTED
from newsletter.digests.models import Digest
from newsletter.digests.text import CADENCE_NAMES
from newsletter.subscribers import preferences_words
from newsletter.subscribers.addresses import mask, readable
from newsletter.subscribers.preferences import Preferences
from newsletter.support.money import Money
from newsletter.web import language
from newsletter.web.forms.cadence_options import cadence_options
from newsletter.web.language import page_language

MOTTO = gettext_noop("Built by a person who cares about honest AI news.")
"""The sentence that PUBLICATION_MOTTO has unless another is set; that has no translation."""
_LINK = re.compile(r"\[([^\]]+)\]")


def install(app: Flask) -> None:
    """Let every template use them."""
    environment = app.jinja_env
    environment.add_extension("jinja2.ext.i18n")
    # The extension adds this method. New style: values are put in by name, and escaped.
    environment.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    environment.globals.update(
        _=quick_gettext, linked=linked, cadence_options=cadence_options, scale=scale, trust=trust
    )
    environment.filters.update(
        day=day, period=period, found=found, moment=moment, hour=hour, parsed=datetime.fromisoformat
    )
    environment.filters.update(number=number, bullets_html=texts.bullets_html)
    environment.filters.update(translated=gettext, masked=masked, in_full=in_full, digest_name=digest_name)
    environment.filters.update(facts=facts, sources=sources, trust_grade=grades.trust_grade, hype_tint=hype_tint)
    environment.filters.update(person_id=person_id, iso=iso)
    environment.filters.update(story_link=story_link)
    environment.filters.update(in_words=in_words, details=details, rows=rows, error_message=error_message)
    environment.filters.update(day_of_year=day_of_year, trust_line=trust_line)
    environment.filters["rfc822"] = format_datetime
    environment.filters.update(
        money=money, number=number, month=month, month_in_table=month_in_table, duration=duration_in_units
    )
    app.context_processor(_everywhere)


def gettext(text: str) -> str:
    """`text` in the language of the page."""
    return page_language().gettext(text)


@pass_context
def quick_gettext(context: Context, text: str, /, **values: object) -> str:
    """The same as the extension's own `_`, in a fifth of its time: a page of the desk asks for hundreds of words."""
    language: Language = context.get("page_language") or page_language()
    code, escapes = language.code, bool(context.eval_ctx.autoescape)
    return _format(code, text, escapes) % values if values else _finished(code, text, escapes)


def ngettext(one: str, many: str, number: int) -> str:
    """The form of the text that goes with `number`."""
    return page_language().translations.ngettext(one, many, number)


def linked(text: str, *addresses: str, **values: object) -> Markup:
    """`text` in the language of the page, with each part in square brackets a link to the next of `addresses`.

    So a translator sees whole sentences: "If you want it back one day, [sign up again]."
    """
    following = iter(addresses)

    def link(found: re.Match[str]) -> str:
        address = str(escape(next(following))).replace("%", "%%")
        elsewhere = ' rel="noreferrer"' if address.startswith("http") else ""
        return f'<a href="{address}"{elsewhere}>{found[1]}</a>'

    return Markup(_LINK.sub(link, page_language().gettext(text))) % values  # noqa: S704 - from our own catalogues


@lru_cache(maxsize=2000)
def scale(percent: float, width: str = "48", ticks: tuple[int, ...] = ()) -> Markup:
    """The scale of a score, with a tick at each of these values. Drawn once: lists have dozens of the same few."""
    return Markup(render_template("_scale_line.html", percent=percent, width=width, ticks=ticks).rstrip())  # noqa: S704


def trust(score: int, width: str = "48", *, word: bool = True) -> Markup:
    """ "Trust 69", the scale, and the word unless it is left out, on one line."""
    return _trust_line(page_language().code, score, width, word)


def trust_line(score: int) -> Markup:
    """ "Trust 69" and its scale in a list. A filter: it costs a third of a call."""
    return _trust_line(page_language().code, score, "40", word=False)


@lru_cache(maxsize=1000)
def _trust_line(_code: str, score: int, width: str, word: bool) -> Markup:
    """Drawn once in each language, as the scale."""
    return Markup(render_template("_trust_line.html", score=score, width=width, word=word).strip())  # noqa: S704


def strong(text: str) -> Markup:
    """`text`, emphasised, to be put into a sentence."""
    return Markup("<strong>{}</strong>").format(text)


def masked(address: str) -> Markup:
    """Enough of an address for its owner, emphasised."""
    return strong(mask(address))


def in_full(address: str) -> Markup:
    """The whole address, emphasised."""
    return strong(readable(address))


def error_message(error: NewsletterError) -> str:
    """The message of one of our errors."""
    return page_language().error_message(error)


def day(value: date | datetime) -> str:
    """ "2 May 2026", in the publication's zone."""
    if isinstance(value, datetime):
        value = value.astimezone(runtime().settings.timezone).date()
    return page_language().day(value)


def day_of_year(value: date) -> str:
    """ "2 May"."""
    return page_language().day_of_year(value)


def period(value: Period) -> str:
    """ "May 2026", or "2026"."""
    return f"{value.year}" if value.month is None else page_language().month(value.first_day)


def found(count: int) -> str:
    """ "3 stories", or "more than 1,000 stories"."""
    if count > MOST_COUNTED:
        return gettext("more than %(number)s stories") % {"number": page_language().number(MOST_COUNTED)}
    return page_language().counted("%(number)s story", "%(number)s stories", count)


def iso(value: datetime) -> str:
    """A time for a program, to the second: HTML takes no microseconds."""
    return value.isoformat(timespec="seconds")


def hour(value: int) -> str:
    """ "07:00"."""
    return page_language().time(time(value))


def moment(value: datetime, zone: str | None = None) -> str:
    """ "2 May 2026 at 07:00 (Europe/Berlin)", in that zone or else the publication's."""
    where = ZoneInfo(zone) if zone else runtime().settings.timezone
    local, spoken = value.astimezone(where), page_language()
    text = spoken.gettext("%(day)s at %(time)s (%(zone)s)")
    return text % {"day": spoken.day(local.date()), "time": spoken.time(local.time()), "zone": where.key}


def in_words(preferences: Preferences) -> str:
    """All preferences, in a sentence each."""
    return preferences_words.in_words(preferences, page_language())


def details(preferences: Preferences) -> list[str]:
    """All preferences but the cadence, in a sentence each."""
    return preferences_words.details(preferences, page_language())


def rows(preferences: Preferences) -> list[tuple[str, str]]:
    """Each preference by its name, with its value in words."""
    return preferences_words.rows(preferences, page_language())


def number(value: int) -> str:
    """Grouped: "12,345"."""
    return page_language().number(value)


def digest_name(digest: Digest) -> str:
    """ "Weekly letter"."""
    name = page_language().gettext(CADENCE_NAMES[digest.cadence])
    return name[:1].upper() + name[1:]


def facts(revision: Revision | ListedArticle) -> str:
    """ "Trust 69 · Some hype · 1 source"."""
    return facts_line(revision, page_language())


def sources(count: int) -> str:
    """ "1 source", "3 sources"."""
    return page_language().counted("%(number)s source", "%(number)s sources", count)


def story_link(revision: Revision | ListedArticle | ListedRevision) -> str:
    """Where a story is read: our page in the language of this one, or its address elsewhere."""
    settings, own = runtime().settings, url_for("public.article", slug=revision.slug)
    address = article_address(settings, revision.slug, revision.url)
    return own if address == settings.url(public_paths.article(revision.slug)) else address


def hype_tint(label: str) -> str:
    """The tint of a hype label among those in use."""
    return grades.hype_tint(label, runtime().settings.hype_labels)


def person_id(name: str) -> str:
    """The place of a person on `/about`: "ada-byron"."""
    return "-".join(re.findall(r"\w+", name.lower())) or "person"


def money(value: Money) -> str:
    """ "€412"."""
    return page_language().money(value.amount, value.currency)


def month(value: date) -> str:
    """ "May 2026"."""
    return page_language().month(value)


def month_in_table(value: date) -> str:
    """ "Sept 2026"."""
    return page_language().month_in_table(value)


@lru_cache(maxsize=10_000)
def _format(code: str, text: str, escapes: bool) -> str:
    """A text of a template in a language, before its values are put in."""
    translated = language_of(code).gettext(text)
    return Markup(translated) if escapes else translated  # noqa: S704 - from our own catalogues


@lru_cache(maxsize=10_000)
def _finished(code: str, text: str, escapes: bool) -> str:
    """The same of a text without values, in which "%%" stands for "%"."""
    return _format(code, text, escapes) % {}


def _everywhere() -> dict[str, object]:
    settings = runtime().settings
    return {
        "publication": settings.publication_name,
        "motto": settings.publication_motto,
        "kofi_page": settings.kofi_page,
        "contact": settings.mail_reply_to or settings.mail_from,
        "year": clock.now().astimezone(settings.timezone).year,
        "page_language": page_language(),
        "publication_language": PUBLICATION_LANGUAGE,
        "lang": lambda tag: lang_attribute(tag, page_language().code),
        "language_names": LANGUAGES,
        "trust_steps": (grades.FAIR_TRUST, grades.HIGH_TRUST),
        "alternatives": language.alternatives,
        "is_shared": language.is_shared,
        "site_url": settings.url,
    }
