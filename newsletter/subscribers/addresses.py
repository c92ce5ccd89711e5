"""Email addresses: which are accepted, which are the same, and how much of one may be shown."""

from __future__ import annotations

import unicodedata
from contextlib import suppress

from newsletter.core.errors import InvalidError
from newsletter.core.ids import AddressKey
from newsletter.core.languages import gettext_noop
from newsletter.core.name_rules import REPLACEMENT
from newsletter.core.plain_addresses import LONGEST, normalise_plain
from newsletter.core.storable_text import is_storable

_LONGEST_REPORTED = 4 * LONGEST
"""Characters of what a provider calls an address: the time that IDNA takes grows with their square."""

EMPTY = gettext_noop("Enter your email address.")
WRONG = gettext_noop("That is not a complete email address. Check it for typos (name@example.org).")


def normalise(text: str) -> str:
    """The address to mail: the local part as entered (NFC), the domain in lower-case ASCII (IDNA, RFC 5891).

    Raises InvalidError with a sentence that does not repeat the text, since that may be anything.
    """
    text = text.strip()
    if not text:
        raise InvalidError("address.empty", EMPTY)
    if len(text) > LONGEST or REPLACEMENT in text:
        raise InvalidError("address.wrong", WRONG)
    if (plain := normalise_plain(text)) is not None:
        return plain
    from email_validator import validate_email

    try:
        valid = validate_email(text, check_deliverability=False, strict=True)
    except ValueError as error:
        raise InvalidError("address.wrong", WRONG) from error
    return f"{valid.local_part}@{valid.ascii_domain}"


def identity_key(address: str) -> AddressKey:
    """The identity of an address: its local part in NFC and lower case, its domain as ASCII.

    Spellings that differ in case alone reach one mailbox everywhere that matters, so they are one reader. Letters that
    merely resemble each other ("ſ" and "s", "ß" and "ss") make two addresses, which may be two people's. Takes
    addresses as providers report them too. Raises InvalidError for a text without local part or domain.
    """
    local, _, domain = address.strip().rpartition("@")
    if not local or not domain or len(address) > _LONGEST_REPORTED or not is_storable(address):
        raise InvalidError("address.wrong", WRONG)
    return AddressKey(f"{_nfc(_nfc(local).lower())}@{_ascii_domain(domain).lower()}")


def _ascii_domain(domain: str) -> str:
    """Raises InvalidError for a domain that IDNA knows no ASCII for."""
    if domain.isascii():
        return domain
    import idna

    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise InvalidError("address.wrong", WRONG) from error


def former_key(address_key: AddressKey) -> AddressKey:
    """The identity that the address had before migration 0004: letters that resemble each other were one.

    Suppressions of that time are found by it alone, since they hold no address that could be migrated.
    """
    if address_key.isascii():
        return address_key
    local, _, domain = address_key.rpartition("@")
    return AddressKey(f"{_nfc(local.casefold())}@{domain}")


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def mailbox(address_key: AddressKey) -> str:
    """The mailbox that other spellings of an address reach as well, as far as that can be known.

    It is the address without the detail after a "+" (RFC 5233), and at Gmail without dots. Elsewhere such spellings may
    belong to several people, so a mailbox identifies nobody.
    """
    local, _, domain = address_key.rpartition("@")
    local = local[:1] + local[1:].partition("+")[0]
    if domain in _DOTLESS:
        return f"{local.replace('.', '')}@{_DOTLESS[0]}"
    return f"{local}@{domain}"


_DOTLESS = ("gmail.com", "googlemail.com")
"""Two names of one provider, which passes over dots."""


def mask(address: str) -> str:
    """Enough to recognise one's own address, too little to write to it: "a•••@example.com"."""
    local, _, domain = readable(address).rpartition("@")
    return f"{local[:1]}•••@{domain}"


def readable(address: str) -> str:
    """The address as people write it: with the letters that its domain stands for."""
    local, _, domain = address.rpartition("@")
    if "xn--" in domain:
        import idna

        with suppress(idna.IDNAError):  # then it is shown as it is stored
            domain = idna.decode(domain)
    return f"{local}@{domain}"
