"""The solver: as many pairs as possible, and of these the best."""

from array import array
from math import inf

import pytest

from activities.matching import solve


def rows(*worth: list[float]) -> list["array[float]"]:
    return [array("d", row) for row in worth]


def test_the_pairs_with_the_greatest_sum_are_found_not_the_best_pair_first() -> None:
    assert sorted(solve(rows([10, 9], [9, 1]))) == [(0, 1), (1, 0)]


def test_a_further_pair_is_better_than_better_pairs() -> None:
    assert sorted(solve(rows([1000, 1], [1, -inf]))) == [(0, 1), (1, 0)]


def test_a_pair_that_must_not_be_is_never_chosen() -> None:
    assert solve(rows([-inf, -inf], [-inf, 5])) == [(1, 1)]
    assert solve(rows([-inf, -inf])) == []


@pytest.mark.parametrize(
    ("worth", "pairs"),
    [
        (rows([3, 7, 5]), [(0, 1)]),
        (rows([3], [7], [5]), [(1, 0)]),
        (rows([-3, -7]), [(0, 0)]),
        (rows([2.0, 2.0], [2.0, 2.0]), 2),
    ],
)
def test_there_may_be_more_of_one_kind_than_of_the_other(
    worth: list["array[float]"], pairs: list[tuple[int, int]] | int
) -> None:
    found = solve(worth)

    assert (len(found) if isinstance(pairs, int) else found) == pairs


def test_nothing_is_made_of_nothing() -> None:
    assert solve([]) == []
    assert solve(rows([], [])) == []
