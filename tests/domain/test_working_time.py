"""The working time of long stretches, which is read off sums, against the intervals that it is the sum of."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from domain.business_calendar import ALWAYS_OPEN, BusinessCalendar, Span, SpecialDay, open_intervals
from domain.working_time import working_time

HOUR = timedelta(hours=1)
BERLIN = ZoneInfo("Europe/Berlin")
DAYTIME = (Span(since=9 * 60, until=12 * 60), Span(since=13 * 60, until=17 * 60))
OVERNIGHT = (Span(since=22 * 60, until=6 * 60),)
ROUND_THE_CLOCK = (Span(since=0, until=0),)
ZONES = ("Europe/Berlin", "America/Los_Angeles", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Kiritimati")
moments = st.datetimes(datetime(2024, 11, 1), datetime(2027, 3, 1), timezones=st.just(UTC))  # noqa: DTZ001 - UTC
dates = moments.map(lambda at: at.date())


@st.composite
def calendars(draw: st.DrawFn) -> BusinessCalendar:
    usual = draw(st.sampled_from([DAYTIME, OVERNIGHT, ROUND_THE_CLOCK]))
    return BusinessCalendar(
        zone=draw(st.sampled_from(ZONES)),
        week=draw(st.sampled_from([(usual,) * 7, ((),) * 2 + (usual,) * 5])),
        holidays=draw(st.frozensets(dates, max_size=3)),
        special_days=tuple(
            SpecialDay(on=on, spans=() if usual is OVERNIGHT else draw(st.sampled_from([(), DAYTIME])))
            for on in draw(st.sets(dates, max_size=3))
        ),
    )


@given(calendars(), moments, moments)
def test_months_of_working_time_are_the_sum_of_their_intervals(
    calendar: BusinessCalendar, start: datetime, end: datetime
) -> None:
    parts = open_intervals(calendar, start, end)

    assert working_time(calendar, start, end) == sum((part.end - part.start for part in parts), timedelta())


@given(calendars(), moments, moments, moments)
def test_stretches_that_follow_each_other_add_up(
    calendar: BusinessCalendar, one: datetime, other: datetime, third: datetime
) -> None:
    start, middle, end = sorted((one, other, third))
    parts = working_time(calendar, start, middle) + working_time(calendar, middle, end)

    assert parts == working_time(calendar, start, end)


def test_calendars_that_differ_in_one_day_alone_are_told_apart() -> None:
    start, end = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    first, second = (
        BusinessCalendar(zone="UTC", week=(DAYTIME,) * 7, holidays=frozenset({on}))
        for on in (datetime(2026, 11, 2, tzinfo=UTC).date(), datetime(2026, 12, 2, tzinfo=UTC).date())
    )

    assert (working_time(first, start, end), working_time(second, start, end)) == (29 * 7 * HOUR, 30 * 7 * HOUR)


def test_all_time_is_counted_by_instants_also_when_the_clocks_are_put_back() -> None:
    midnight = datetime(2026, 10, 25, tzinfo=BERLIN)

    assert working_time(ALWAYS_OPEN, midnight, datetime(2026, 10, 26, tzinfo=BERLIN)) == 25 * HOUR
    assert working_time(ALWAYS_OPEN, midnight, midnight - HOUR) == timedelta()
