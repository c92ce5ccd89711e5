"""The desk, where editors work: thin views over the packages. Every page but sign-in and links needs a session."""

from newsletter.web.desk import (
    account,
    articles,
    audit_log,
    compose,
    compose_preview,
    errors,
    home,
    links,
    people,
    proof,
    session,
    sign_in,
    staff_forms,
)
from newsletter.web.desk.blueprint import desk

__all__ = [
    "account",
    "articles",
    "audit_log",
    "compose",
    "compose_preview",
    "desk",
    "errors",
    "home",
    "links",
    "people",
    "proof",
    "session",
    "sign_in",
    "staff_forms",
]
