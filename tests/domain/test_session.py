"""What the second use of a refresh token means, and how long a session goes on."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.session import (
    LONGEST_SESSION,
    REFRESH_GRACE,
    REFRESH_LIFETIME,
    RefreshOutcome,
    RefreshState,
    refresh_outcome,
    session_end,
)

NOW = datetime(2030, 1, 7, 9, 0, tzinfo=UTC)
LATE = REFRESH_GRACE + timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("used_ago", "is_successor_used", "outcome"),
    [
        (None, False, RefreshOutcome.ROTATE),
        (timedelta(), False, RefreshOutcome.REPLACE),
        (REFRESH_GRACE, False, RefreshOutcome.REPLACE),
        (LATE, False, RefreshOutcome.THEFT),
        (timedelta(), True, RefreshOutcome.THEFT),
        (LATE, True, RefreshOutcome.THEFT),
    ],
)
def test_the_use_of_a_token(used_ago: timedelta | None, is_successor_used: bool, outcome: RefreshOutcome) -> None:
    used_at = None if used_ago is None else NOW - used_ago

    assert refresh_outcome(RefreshState(used_at, is_successor_used), NOW) is outcome


def test_a_session_goes_on_with_each_refresh_up_to_its_longest() -> None:
    assert session_end(NOW, NOW) == NOW + REFRESH_LIFETIME
    assert session_end(NOW, NOW + timedelta(days=20)) == NOW + timedelta(days=20) + REFRESH_LIFETIME
    assert session_end(NOW, NOW + LONGEST_SESSION - timedelta(days=1)) == NOW + LONGEST_SESSION
