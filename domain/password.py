"""What a password may be (NIST SP 800-63B, section 3.1.1.2): long enough, not one of those that are tried first, and
not one's own address. Nothing is asked of its letters."""

import re
import unicodedata
from collections.abc import Container
from itertools import pairwise

from domain.email_address import email_key
from domain.errors import PasswordRefusedError

MIN_PASSWORD, MAX_PASSWORD = 8, 200
FEWEST_CHARACTERS = 3
"""Different ones."""
_ENDING = re.compile(r"[\W\d_]+$")
_DISGUISE = str.maketrans("@430!15$7", "aaeoiisst")


def normalized_password(password: str) -> str:
    """The same password, however a keyboard composed it. ASCII stays as it is."""
    return unicodedata.normalize("NFKC", password)


def check_password(password: str, email: str, common: Container[str]) -> None:
    """Raises PasswordRefusedError for a password that somebody who guesses would try first.

    `common` has small letters. What is one of them behind digits and signs at its end, or with signs in place of
    letters, is as common.
    """
    given = normalized_password(password).casefold()
    if len(normalized_password(password)) < MIN_PASSWORD:
        raise PasswordRefusedError(f"A password has at least {MIN_PASSWORD} characters.")
    if len(set(given)) < FEWEST_CHARACTERS or _runs(given):
        raise PasswordRefusedError("This password is one character or one row over and over; choose another one.")
    plain = _ENDING.sub("", given)
    if any(one in common for one in (given, plain, plain.translate(_DISGUISE), given.translate(_DISGUISE))):
        raise PasswordRefusedError("This password is one of those that are guessed first; choose another one.")
    local, _, _ = email_key(email).rpartition("@")
    if given in {email_key(email), local} or (plain and plain == _ENDING.sub("", local)):
        raise PasswordRefusedError("This password is the address; choose another one.")


def _runs(given: str) -> bool:
    """Whether each character is the one next to its neighbour, as in 12345678 or hgfedcba."""
    steps = {ord(after) - ord(before) for before, after in pairwise(given)}
    return steps in ({1}, {-1})
