"""The text of an API key."""

import re
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.api_key import (
    LONGEST_LIFETIME,
    SECRET_BYTES,
    USUAL_LIFETIME,
    ApiKey,
    digest_of,
    end_of,
    parse,
    parse_secret,
    visible,
)
from domain.errors import InvalidError, MomentPassedError, UnauthenticatedError
from domain.ids import ApiKeyId
from tests.factories import NOW

KEY = ApiKey(ApiKeyId(UUID("0f0e0d0c-0b0a-4908-8706-050403020100")), bytes(range(32)))
TEXT = KEY.text


def test_a_key_reads_as_documented() -> None:
    assert TEXT == (
        "st_0f0e0d0c0b0a49088706050403020100_000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f_34f134f0"
    )
    assert TEXT.startswith(visible(KEY.id))
    assert re.fullmatch(r"\w+", TEXT), "a double click selects all of it"


@given(st.uuids(), st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES))
def test_what_is_made_is_read(id: UUID, secret: bytes) -> None:
    made = ApiKey(ApiKeyId(id), secret)

    assert parse(made.text) == made
    assert parse_secret(made.text.split("_")[2]) == secret


@given(st.integers(0, len(TEXT) - 1), st.characters(min_codepoint=32, max_codepoint=0x2FFF))
def test_one_wrong_character_is_found(place: int, other: str) -> None:
    changed = TEXT[:place] + other + TEXT[place + 1 :]
    if changed != TEXT:
        with pytest.raises(UnauthenticatedError):
            parse(changed)


@given(st.integers(0, len(TEXT) - 2))
def test_two_characters_that_changed_places_are_found(place: int) -> None:
    changed = TEXT[:place] + TEXT[place + 1] + TEXT[place] + TEXT[place + 2 :]
    if changed != TEXT:
        with pytest.raises(UnauthenticatedError):
            parse(changed)


@pytest.mark.parametrize(
    "text",
    ["", "st_", TEXT[:-1], TEXT + "0", TEXT.upper(), f" {TEXT}", f"{TEXT}\n", f"{TEXT}_{TEXT}", "st_\0", "é" * 200],
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(UnauthenticatedError):
        parse(text)
    with pytest.raises(UnauthenticatedError):
        parse_secret(text)


def test_the_digest_says_nothing_of_the_id() -> None:
    assert KEY.digest == digest_of(KEY.secret)
    assert len(KEY.digest) == 32


def test_a_short_secret_makes_no_key() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        _ = ApiKey(KEY.id, b"short").text


def test_a_key_ends_as_asked_or_as_usual_and_within_a_year() -> None:
    assert end_of(None, NOW) == NOW + USUAL_LIFETIME
    assert end_of(NOW + LONGEST_LIFETIME, NOW) == NOW + LONGEST_LIFETIME
    with pytest.raises(MomentPassedError):
        end_of(NOW, NOW)
    with pytest.raises(InvalidError, match="a year"):
        end_of(NOW + LONGEST_LIFETIME + timedelta(seconds=1), NOW)
