"""Which policies leave nothing to those below them."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import PolicyUnreachableError
from domain.sla_order import Ranked, check_reachable, covering, lowest_place
from domain.sla_policy import Conditions
from domain.ticket import Priority
from tests import factories

ALL = Conditions()
NAMES = ("a", "b")
VALUES = (*NAMES, "another")
TICKETS = [
    (factories.ticket(priority=priority, category=category, team=team, tags=tags), tier)
    for priority, category, team, tier, tags in product(
        Priority, VALUES, (None, *VALUES), VALUES, ((), ("a",), ("b",), ("a", "b"), ("another",))
    )
]
"""Every kind of ticket that conditions of two names each can tell apart, with the requester's tier."""


def ranked(**conditions: Any) -> Ranked:
    return Ranked(str(conditions), Conditions(**conditions))


def some(values: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    return st.lists(st.sampled_from(values), unique=True, max_size=2).map(tuple)


CONDITIONS = st.builds(
    Conditions,
    priorities=some(tuple(Priority)),
    categories=some(NAMES),
    teams=some(NAMES),
    tiers=some(NAMES),
    tags=some(NAMES),
)


@given(st.lists(CONDITIONS, max_size=4), CONDITIONS)
def test_what_is_covered_is_never_reached(above: list[Conditions], below: Conditions) -> None:
    is_reached = any(
        below.fit(ticket, tier) and not any(one.fit(ticket, tier) for one in above) for ticket, tier in TICKETS
    )

    is_covered = bool(covering([Ranked("above", one) for one in above], below))

    assert not (is_covered and is_reached)


@given(CONDITIONS, CONDITIONS)
def test_one_policy_alone_covers_exactly_what_never_gets_by(above: Conditions, below: Conditions) -> None:
    is_reached = any(below.fit(ticket, tier) and not above.fit(ticket, tier) for ticket, tier in TICKETS)

    assert bool(covering([Ranked("above", above)], below)) is not is_reached


def test_policies_for_all_priorities_cover_what_asks_for_none() -> None:
    each = [ranked(priorities=[priority]) for priority in Priority]

    assert covering(each, ALL) == each
    assert covering(each[1:], ALL) == []
    assert covering(each, Conditions(priorities=(Priority.HIGH,))) == [each[2]]


def test_a_name_for_each_policy_that_covers() -> None:
    high = Ranked("High", Conditions(priorities=(Priority.HIGH, Priority.URGENT)))
    rest = Ranked("Rest", Conditions(priorities=(Priority.LOW, Priority.NORMAL)))
    other = ranked(tags=["x"])

    with pytest.raises(PolicyUnreachableError, match="“Last”: “Rest” and “High” above it cover all"):
        check_reachable([rest, other, high, Ranked("Last", ALL)])
    check_reachable([high, other, Ranked("Last", ALL)])


def test_the_lowest_place_is_above_what_covers() -> None:
    standing = [ranked(tags=["a"]), ranked(categories=["b"]), Ranked("Last", ALL)]

    assert lowest_place(standing, Conditions(tags=("b",))) == 2
    assert lowest_place(standing, Conditions(categories=("b",), tags=("b",))) == 1
    assert lowest_place(standing, Conditions(tags=("a",))) == 0
    assert lowest_place(standing[:2], ALL) == 2
    assert lowest_place([], ALL) == 0
