"""Which spellings are one address, and which are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.email_address import check_scripts, email_domain, email_key
from domain.errors import InvalidError


@pytest.mark.parametrize(
    ("spelling", "key"),
    [
        ("Ada@Example.COM", "ada@example.com"),
        (" ada@example.com ", "ada@example.com"),
        ("\uff21da@example.com", "ada@example.com"),
        ("\u212aim@example.com", "kim@example.com"),
        ("\u00c4da@example.com", "\u00e4da@example.com"),
        ("A\u0308da@example.com", "\u00e4da@example.com"),
        ("ada@xn--bcher-kva.example", "ada@b\u00fccher.example"),
        ("ada@XN--BCHER-KVA.example", "ada@b\u00fccher.example"),
        ("ada@xn--\u00e4.example", "ada@xn--\u00e4.example"),
        ("no address at all", "no address at all"),
        ("", ""),
    ],
)
def test_an_address_has_one_key(spelling: str, key: str) -> None:
    assert email_key(spelling) == key


@given(st.text(max_size=60))
def test_whatever_somebody_sends_has_a_key(text: str) -> None:
    assert email_domain(text) == email_key(text).rpartition("@")[2]


@given(st.emails())
def test_case_and_space_around_an_address_count_for_nothing(address: str) -> None:
    assert email_key(f" {address.upper()} ") == email_key(address)
    assert email_key(email_key(address)) == email_key(address)


@pytest.mark.parametrize(
    "address",
    [
        "ada.lovelace-99+desk@example.com",
        "\u0430\u0434\u0430@example.com",
        "\u5c71\u7530\u3055\u3093@example.jp",
        "\u30ab\u30bf\u30ab\u30ca@\u4f8b\u3048.jp",
        "\ud55c\uae00@example.kr",
        "\u00e4da@b\u00fccher.example",
        "99@example.com",
    ],
)
def test_letters_that_are_written_together_are_taken(address: str) -> None:
    check_scripts(address)


@pytest.mark.parametrize(
    "address", ["\u0430da@example.com", "ada@ex\u0430mple.com", "\u0391\u0430@example.com", "ada\u5c71@example.com"]
)
def test_letters_of_several_scripts_are_refused(address: str) -> None:
    with pytest.raises(InvalidError, match="scripts"):
        check_scripts(address)
