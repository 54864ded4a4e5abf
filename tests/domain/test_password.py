"""What a password may be."""

import pytest

from domain.errors import PasswordRefusedError
from domain.password import check_password, normalized_password

COMMON = frozenset({"password", "qwerty", "letmein"})


@pytest.mark.parametrize(
    "password",
    ["correct horse", "\u0440\u0430\u0437 \u0434\u0432\u0430 \u0442\u0440\u0438", "x9!kQ2#p", "a passwordless desk"],
)
def test_a_sentence_is_a_password(password: str) -> None:
    check_password(password, "ada@example.com", COMMON)


@pytest.mark.parametrize(
    ("password", "because"),
    [
        ("password", "guessed first"),
        ("PassWord", "guessed first"),
        ("password2024!", "guessed first"),
        ("P@ssw0rd", "guessed first"),
        ("p4$$w0rd99", "guessed first"),
        ("\uff50assword", "guessed first"),
        ("letmein-1234", "guessed first"),
        ("short", "at least 8"),
        ("\u00bd\u00bdx", "at least 8"),
        ("aaaaaaaaaa", "over and over"),
        ("abababab", "over and over"),
        ("12345678", "over and over"),
        ("987654321", "over and over"),
        ("abcdefghij", "over and over"),
        ("ada.lovelace@example.com", "the address"),
        ("Ada.Lovelace", "the address"),
        ("ada.lovelace99", "the address"),
    ],
)
def test_what_is_guessed_first_is_refused(password: str, because: str) -> None:
    with pytest.raises(PasswordRefusedError, match=because):
        check_password(password, "Ada.Lovelace@example.com", COMMON)


def test_an_address_of_digits_refuses_no_other_password() -> None:
    check_password("9182736450", "12345678@example.com", COMMON)


def test_ascii_stays_as_it_is() -> None:
    printable = "".join(map(chr, range(32, 127)))

    assert normalized_password(printable) == printable
    assert normalized_password("u\u0308") == normalized_password("\u00fc")
