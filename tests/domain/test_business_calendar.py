"""Working time, by example and against an oracle that asks the wall clock minute by minute."""

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.business_calendar import (
    BusinessCalendar,
    Day,
    Span,
    SpecialDay,
    after_working_time,
    closing,
    is_open,
    next_opening,
    open_intervals,
)
from domain.working_time import working_time

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
NINE_TO_FIVE = (Span(since=9 * 60, until=17 * 60),)
NIGHT = (Span(since=22 * 60, until=6 * 60),)
OFFICE = (NINE_TO_FIVE,) * 5 + ((), ())


def calendar(
    zone: str = "Europe/Berlin",
    week: tuple[Day, ...] = OFFICE,
    holidays: frozenset[date] = frozenset(),
    special: tuple[SpecialDay, ...] = (),
) -> BusinessCalendar:
    return BusinessCalendar(zone=zone, week=week, holidays=holidays, special_days=special)


def local(text: str, zone: str = "Europe/Berlin") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def test_a_friday_evening_goes_on_on_monday() -> None:
    due = after_working_time(calendar(), local("2026-11-20T16:00"), 4 * HOUR)

    assert due == local("2026-11-23T12:00")


def test_the_last_working_second_is_the_closing_time_itself() -> None:
    assert after_working_time(calendar(), local("2026-11-20T16:00"), HOUR) == local("2026-11-20T17:00")


def test_no_time_at_all_has_passed_at_once() -> None:
    at = local("2026-11-21T03:00")

    assert after_working_time(calendar(), at, timedelta()) == at


def test_working_time_goes_forward() -> None:
    with pytest.raises(ValueError, match="forward"):
        after_working_time(calendar(), local("2026-11-21T03:00"), -HOUR)
    assert working_time(calendar(), local("2026-11-20T17:00"), local("2026-11-20T09:00")) == timedelta()


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        ("2026-11-20T08:59:59", "2026-11-20T09:00"),
        ("2026-11-20T09:00", "2026-11-20T09:00"),
        ("2026-11-20T16:59:59", "2026-11-20T16:59:59"),
        ("2026-11-20T17:00", "2026-11-23T09:00"),
    ],
)
def test_opening_belongs_to_the_hours_and_closing_does_not(at: str, opens: str) -> None:
    assert next_opening(calendar(), local(at)) == local(opens)
    assert is_open(calendar(), local(at)) is (at == opens or at.endswith("16:59:59"))


@pytest.mark.parametrize(
    ("night", "hours"),
    [("2026-03-28", 7), ("2026-03-27", 8), ("2026-10-24", 9), ("2026-10-25", 8)],
    ids=["an hour is skipped", "before", "an hour is repeated", "after"],
)
def test_a_night_shift_is_as_long_as_the_night(night: str, hours: int) -> None:
    start = local(f"{night}T20:00")

    assert working_time(calendar(week=(NIGHT,) * 7), start, start + 14 * HOUR) == hours * HOUR


def test_a_span_inside_the_skipped_hour_is_never_worked() -> None:
    small = calendar(week=((Span(since=130, until=170),),) * 7)  # from 02:10 to 02:50

    assert working_time(small, local("2026-03-29T00:00"), local("2026-03-30T00:00")) == timedelta()
    assert working_time(small, local("2026-10-25T00:00"), local("2026-10-26T00:00")) == 80 * MINUTE


def test_the_leap_day_is_a_day() -> None:
    assert working_time(calendar(), local("2028-02-28T00:00"), local("2028-03-02T00:00")) == 24 * HOUR


def test_a_date_that_the_zone_skips_is_not_worked() -> None:
    daily = calendar("Pacific/Apia", week=(NINE_TO_FIVE,) * 7)
    start = local("2011-12-29T00:00", "Pacific/Apia")

    days = [
        part.start.astimezone(ZoneInfo("Pacific/Apia")).day for part in open_intervals(daily, start, start + 72 * HOUR)
    ]

    assert days == [29, 31, 1]


def test_a_holiday_leaves_the_evening_before_whole() -> None:
    nights = calendar(week=(NIGHT,) * 7, holidays=frozenset({date(2026, 12, 25)}))

    assert working_time(nights, local("2026-12-24T12:00"), local("2026-12-26T12:00")) == 8 * HOUR
    assert is_open(nights, local("2026-12-25T05:59"))
    assert not is_open(nights, local("2026-12-25T23:00"))


def test_special_hours_count_instead_of_the_weekday_and_the_holiday() -> None:
    eve = date(2026, 12, 24)
    short = SpecialDay(on=eve, spans=(Span(since=9 * 60, until=12 * 60),))

    with_hours = calendar(holidays=frozenset({eve}), special=(short,))
    closed = calendar(special=(SpecialDay(on=eve),))

    assert working_time(with_hours, local("2026-12-24T00:00"), local("2026-12-25T00:00")) == 3 * HOUR
    assert next_opening(closed, local("2026-12-24T00:00")) == local("2026-12-25T09:00")


def test_special_hours_may_begin_before_the_night_before_ends() -> None:
    early = SpecialDay(on=date(2026, 12, 24), spans=(Span(since=5 * 60, until=7 * 60),))
    nights = calendar(week=(NIGHT,) * 7, special=(early,))

    assert working_time(nights, local("2026-12-23T22:00"), local("2026-12-24T12:00")) == 9 * HOUR


def test_always_open_works_every_second_in_one_piece() -> None:
    always = BusinessCalendar(zone="UTC", always_open=True)
    start = local("2026-12-31T23:00")

    assert len(list(open_intervals(always, start, start + 48 * HOUR))) == 1
    assert after_working_time(always, start, 30 * HOUR) == start + 30 * HOUR
    assert list(open_intervals(always, start, start)) == []


def test_round_the_clock_by_spans_is_one_piece_over_new_year_too() -> None:
    whole = calendar("UTC", week=((Span(since=0, until=0),),) * 7)
    start = local("2026-12-30T00:00", "UTC")

    assert len(list(open_intervals(whole, start, start + 72 * HOUR))) == 1


def test_a_desk_closes_where_its_open_interval_ends() -> None:
    assert closing(calendar(), local("2026-11-20T16:59:59")) == local("2026-11-20T17:00")
    assert closing(calendar(), local("2026-11-20T17:00")) is None
    whole_days = calendar(week=((Span(since=0, until=24 * 60),),) * 5 + ((), ()))
    assert closing(whole_days, local("2026-11-17T12:00")) == local("2026-11-21T00:00")


def test_a_desk_that_never_closes_says_so() -> None:
    at = local("2026-11-20T16:00")

    assert closing(BusinessCalendar(zone="UTC", always_open=True), at) is None
    assert closing(calendar(week=((Span(since=0, until=24 * 60),),) * 7), at) is None


def test_hours_that_are_over_for_ever_never_come() -> None:
    once = calendar(week=((),) * 7, special=(SpecialDay(on=date(2026, 1, 2), spans=NINE_TO_FIVE),))
    later = local("2026-01-03T00:00")

    assert next_opening(once, later) is None
    assert after_working_time(once, later, HOUR) is None


@pytest.mark.parametrize(
    ("given_fields", "sentence"),
    [
        ({"zone": "Europe/Atlantis", "week": OFFICE}, "no time zone"),
        ({"zone": "../etc", "week": OFFICE}, "no time zone"),
        ({"zone": "x" * 5000, "week": OFFICE}, "no time zone"),
        ({"zone": "UTC", "week": OFFICE[:6]}, "seven days"),
        ({"zone": "UTC", "week": ((),) * 7}, "some hours"),
        ({"zone": "UTC", "week": (NINE_TO_FIVE * 2, *OFFICE[1:])}, "overlap"),
        (
            {"zone": "UTC", "week": (NIGHT, (Span(since=300, until=600),), *OFFICE[2:])},
            "until Tuesday 06:00, .* Tuesday 05:00",
        ),
        (
            {"zone": "UTC", "week": ((Span(since=300, until=600),), *OFFICE[1:6], NIGHT)},
            "overlap: .* until Monday 06:00",
        ),
        ({"zone": "UTC", "week": OFFICE, "special_days": (SpecialDay(on=date(2026, 1, 1)),) * 2}, "one set"),
        (
            {
                "zone": "UTC",
                "week": OFFICE,
                "special_days": (SpecialDay(on=date(2026, 1, 1), spans=NINE_TO_FIVE + NINE_TO_FIVE),),
            },
            "until 2026-01-01 17:00",
        ),
        ({"zone": "UTC", "week": OFFICE, "always_open": True}, "always open"),
    ],
)
def test_what_makes_no_sense_is_refused(given_fields: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        BusinessCalendar.model_validate(given_fields)


ZONES = {
    "Europe/Berlin": [datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)],
    "America/New_York": [datetime(2026, 3, 8, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)],
    "Australia/Lord_Howe": [datetime(2026, 4, 4, tzinfo=UTC), datetime(2026, 10, 3, tzinfo=UTC)],
    "Pacific/Apia": [datetime(2011, 12, 29, tzinfo=UTC), datetime(2011, 12, 30, tzinfo=UTC)],
    "Africa/Casablanca": [datetime(2026, 2, 15, tzinfo=UTC), datetime(2026, 3, 22, tzinfo=UTC)],
    "Asia/Kathmandu": [datetime(2028, 2, 28, tzinfo=UTC), datetime(2026, 12, 31, tzinfo=UTC)],
}


@st.composite
def days(draw: st.DrawFn) -> Day:
    marks = sorted(draw(st.sets(st.integers(0, 1439), max_size=6)))
    marks = marks[: len(marks) // 2 * 2]
    return tuple(Span(since=marks[place], until=marks[place + 1]) for place in range(0, len(marks), 2))


@st.composite
def situations(draw: st.DrawFn) -> tuple[BusinessCalendar, datetime, datetime]:
    """A calendar, with a stretch of up to two days and a half that lies about a change of the clocks."""
    zone = draw(st.sampled_from(sorted(ZONES)))
    change = draw(st.sampled_from(ZONES[zone]))
    start = change + draw(st.integers(-36 * 60, 24 * 60)) * MINUTE
    near = st.integers(-2, 3).map(lambda count: change.date() + timedelta(days=count))
    nightly = draw(st.booleans())
    week = (NIGHT,) * 7 if nightly else (*tuple(draw(days()) for _ in range(6)), NINE_TO_FIVE)
    special = draw(st.lists(st.builds(SpecialDay, on=near, spans=days()), max_size=2, unique_by=lambda day: day.on))
    made = BusinessCalendar(
        zone=zone, week=week, holidays=draw(st.frozensets(near, max_size=2)), special_days=tuple(special)
    )
    return made, start, start + draw(st.integers(0, 60 * 60)) * MINUTE


def wall_clock_says_open(made: BusinessCalendar, at: datetime) -> bool:
    """The rule itself, of one instant: what does the clock on the wall show?"""
    wall = at.astimezone(ZoneInfo(made.zone))
    minute = wall.hour * 60 + wall.minute
    special = {day.on: day.spans for day in made.special_days}
    for day, shown in ((wall.date(), minute), (wall.date() - timedelta(days=1), minute + 1440)):
        usual = () if day in made.holidays else made.week[day.weekday()]
        if any(span.since <= shown < span.end for span in special.get(day, usual)):
            return True
    return False


@given(situations())
def test_working_time_is_what_the_wall_clock_says_minute_by_minute(
    situation: tuple[BusinessCalendar, datetime, datetime],
) -> None:
    made, start, end = situation
    minutes = [start + count * MINUTE for count in range((end - start) // MINUTE)]
    worked = [at for at in minutes if wall_clock_says_open(made, at)]

    parts = list(open_intervals(made, start, end))

    assert [
        at for part in parts for at in (part.start + n * MINUTE for n in range((part.end - part.start) // MINUTE))
    ] == worked
    assert all(one.end < other.start for one, other in itertools.pairwise(parts))
    assert working_time(made, start, end) == len(worked) * MINUTE
    if worked:
        assert next_opening(made, start) == worked[0]
        assert after_working_time(made, start, len(worked) * MINUTE) == worked[-1] + MINUTE
