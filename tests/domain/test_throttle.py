"""Some tries are free, then each costs a longer wait."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.throttle import (
    ACCOUNT_LIMITS,
    ADDRESS_LIMITS,
    PAIR_LIMITS,
    Attempt,
    Limit,
    Tally,
    after_attempt,
    counted_for,
    longest_wait,
    wait_of,
)

NOW = datetime(2030, 1, 7, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LIMIT = Limit(3, SECOND, timedelta(seconds=10), timedelta(hours=1))


def waits(times: int, limit: Limit = LIMIT) -> list[float]:
    """The wait after each of so many tries, each made as soon as it may be."""
    tally, now, found = None, NOW, []
    for _ in range(times):
        tally = after_attempt(tally, limit, now)
        found.append(wait_of(tally, now).total_seconds())
        now += wait_of(tally, now)
    return found


def test_waits_double_up_to_the_longest() -> None:
    assert waits(8) == [0, 0, 1, 2, 4, 8, 10, 10]


def test_a_tally_is_forgotten_after_a_while_without_a_try() -> None:
    tally = Tally(50, NOW, NOW + SECOND)

    assert after_attempt(tally, LIMIT, NOW + timedelta(hours=1)) == Tally(1, NOW + timedelta(hours=1), None)
    assert after_attempt(tally, LIMIT, NOW + timedelta(minutes=59)).tries == 51


def test_the_longest_wait_of_all_counts() -> None:
    tallies = [None, Tally(1, NOW, None), Tally(4, NOW, NOW + SECOND), Tally(5, NOW, NOW + 2 * SECOND)]

    assert longest_wait(tallies, NOW) == 2 * SECOND
    assert longest_wait(tallies, NOW + 3 * SECOND) == timedelta()
    assert longest_wait([], NOW) == timedelta()


@given(tries=st.integers(0, 2**31), seconds=st.integers(0, 10**6))
def test_no_wait_is_longer_than_the_longest(tries: int, seconds: int) -> None:
    now = NOW + seconds * SECOND

    assert wait_of(after_attempt(Tally(tries, NOW, None), LIMIT, now), now) <= LIMIT.longest_wait


def names(*, is_trusted: bool, attempt: Attempt = Attempt.LOGIN, account: str | None = "ada") -> list[str]:
    return [one.names[1] for one in counted_for(attempt, "192.0.2.1", account, is_trusted=is_trusted)]


def test_an_account_is_slowed_down_everywhere_but_where_its_owner_was() -> None:
    assert names(is_trusted=False) == ["address", "pair", "account"]
    assert names(is_trusted=True) == ["address", "pair"]
    assert names(is_trusted=True, attempt=Attempt.FACTOR) == ["address", "pair", "account"]
    assert names(is_trusted=False, attempt=Attempt.MAIL) == ["address", "pair"]
    assert names(is_trusted=False, attempt=Attempt.REFRESH, account=None) == ["address"]
    assert names(is_trusted=False, attempt=Attempt.REFRESH) == ["address"]


@pytest.mark.parametrize("attempt", [Attempt.LOGIN, Attempt.FACTOR])
def test_the_pair_is_tighter_than_the_account_and_the_address(attempt: Attempt) -> None:
    assert PAIR_LIMITS[attempt].free < min(ACCOUNT_LIMITS[attempt].free, ADDRESS_LIMITS[attempt].free)


def test_nobody_is_locked_out_of_an_account_for_more_than_a_minute() -> None:
    assert ACCOUNT_LIMITS[Attempt.LOGIN].longest_wait <= timedelta(minutes=1)
    assert ADDRESS_LIMITS.keys() == set(Attempt)
