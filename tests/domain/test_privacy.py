"""What is taken out of the texts of others when somebody is erased; and for how long what is kept."""

import pytest

from domain.privacy import Mentions
from domain.retention import RETENTION, SHORTEST_DAYS, RetentionKind

ROBIN = Mentions("robin@example.com", "Robin Requester")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Dear Robin Requester, hello", "Dear X, hello"),
        ("robin requester called", "X called"),
        ("write to Robin@Example.com.", "write to X."),
        ("ROBIN REQUESTERS are many", "ROBIN REQUESTERS are many"),
        ("not.robin@example.com.de or srobin@example.com", "not.X.de or srobin@example.com"),
        ("nobody", "nobody"),
    ],
)
def test_name_and_address_go_whole_and_however_they_are_written(text: str, left: str) -> None:
    assert ROBIN.replaced(text, "X", with_name=True) == left


def test_a_name_that_is_not_wanted_stays() -> None:
    text = "Robin Requester <robin@example.com>"

    assert ROBIN.replaced(text, "X", with_name=False) == "Robin Requester <X>"


def test_a_name_with_signs_of_its_own_is_taken_as_it_is() -> None:
    odd = Mentions("a+b(c)@example.com", "Dr. (Ann) [x]* O'Neil")

    assert odd.replaced("for Dr. (Ann) [x]* O'Neil, a+b(c)@example.com", "X", with_name=True) == "for X, X"


@pytest.mark.parametrize(
    ("name", "is_telling"), [("Robin Requester", True), ("Robin", False), ("A B", False), ("  Bob  ", False)]
)
def test_a_short_name_tells_nobody(name: str, is_telling: bool) -> None:
    assert Mentions("x@example.com", name).is_telling is is_telling


def test_every_kind_has_its_days() -> None:
    assert set(RETENTION) == set(RetentionKind)
    for kind, least in SHORTEST_DAYS.items():
        days = RETENTION[kind].days
        assert days is None or days >= least
