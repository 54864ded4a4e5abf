"""The language of refusals: one tree, one code each."""

import inspect
import re

import pytest

from domain import errors
from domain.errors import ConflictError, DomainError

ALL = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, DomainError) and kind is not DomainError
]


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_error_is_found_by_its_code(kind: type[DomainError]) -> None:
    assert DomainError.by_code[kind.code] is kind
    assert re.fullmatch(r"[a-z][a-z_]*", kind.code)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_error_carries_its_sentence(kind: type[DomainError]) -> None:
    refusal = kind("The printer is on fire.")

    assert (refusal.detail, str(refusal)) == ("The printer is on fire.", "The printer is on fire.")


def test_no_code_belongs_to_two_errors() -> None:
    assert len({kind.code for kind in ALL}) == len(ALL)


def test_an_error_with_a_code_that_is_taken_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="two errors share the code 'ticket_closed'"):
        type("ShopClosedError", (ConflictError,), {"code": "ticket_closed"})

    assert DomainError.by_code["ticket_closed"] is errors.TicketClosedError


def test_an_error_without_a_code_of_its_own_answers_by_its_familys() -> None:
    special = type("SpecialConflictError", (ConflictError,), {})

    assert special("No.").code == "conflict"
    assert DomainError.by_code["conflict"] is ConflictError
