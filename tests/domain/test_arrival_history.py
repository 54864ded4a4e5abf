"""What really came, hour of the week by hour of the week."""

from datetime import UTC, datetime, timedelta

from domain.arrival_history import HourHistory, hour_histories, lived, weeks_before
from domain.period import Period


def test_weeks_follow_one_another_by_the_clock_on_the_wall() -> None:
    """Clocks went forward on 31 March 2030, so that week has an hour less."""
    until = datetime(2030, 4, 4, 8, tzinfo=UTC)  # ten in Berlin

    weeks = weeks_before(until, 2, "Europe/Berlin")

    middle, begin = datetime(2030, 3, 28, 9, tzinfo=UTC), datetime(2030, 3, 21, 9, tzinfo=UTC)
    assert weeks == [Period(begin, middle), Period(middle, until)]
    assert weeks[1].until - weeks[1].since == timedelta(days=7, hours=-1)


def test_weeks_before_the_first_ticket_tell_nothing() -> None:
    assert lived([{}, {3: 0}, {3: 2}, {}]) == [{3: 2}, {}]
    assert lived([{}, {}]) == []


def test_hours_have_their_mean_and_their_spread() -> None:
    histories = hour_histories([{0: 2, 167: 1}, {0: 4}, {0: 6}])

    assert len(histories) == 168
    assert histories[0] == HourHistory(4, 2, 2, 6)
    assert histories[1] == HourHistory(0, 0, 0, 0)
    assert histories[167] is not None
    assert (histories[167].least, histories[167].most) == (0, 1)


def test_a_single_week_has_no_spread_and_none_has_no_hours() -> None:
    assert hour_histories([{5: 3}])[5] == HourHistory(3, None, 3, 3)
    assert hour_histories([]) == [None] * 168
