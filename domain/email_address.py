"""Addresses that look alike: which spellings are one address, and which are refused."""

import unicodedata

from domain.errors import InvalidError

_WRITTEN_TOGETHER = (
    frozenset({"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "IDEOGRAPHIC"}),
    frozenset({"CJK", "HANGUL"}),
    frozenset({"CJK", "BOPOMOFO"}),
)
"""Japanese, Korean and Chinese are written in several scripts at once (Unicode TS 39, "highly restrictive", without
its Latin)."""


def email_key(address: str) -> str:
    """The one form in which addresses are compared: width, ligatures and case do not tell two addresses apart, nor
    does the spelling of a domain (`xn--...` or as it is read)."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", address.strip()).casefold())
    local, at, domain = folded.rpartition("@")
    return local + at + ".".join(_as_read(label) for label in domain.split("."))


def email_domain(address: str) -> str:
    """The domain, as it is compared."""
    return email_key(address).rpartition("@")[2]


def check_scripts(address: str) -> None:
    """Raises InvalidError for an address with a label in letters of several scripts, such as a Cyrillic one among
    Latin letters. An address that is wholly in another script is another address."""
    local, _, domain = email_key(address).rpartition("@")
    for label in (local, *domain.split(".")):
        scripts = {_script(letter) for letter in label if letter.isalpha()}
        if len(scripts) > 1 and not any(scripts <= together for together in _WRITTEN_TOGETHER):
            raise InvalidError("The address mixes letters of several scripts, which may look like somebody else's.")


def _script(letter: str) -> str:
    """The first word of a letter's name, which is its script."""
    return unicodedata.name(letter, "UNNAMED").split()[0]


def _as_read(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return unicodedata.normalize("NFKC", label[4:].encode("ascii").decode("punycode").casefold())
    except UnicodeError:
        return label
