"""Rotas: rules, wall-clock times over changes of the clocks, breaks, and what is no rule."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from domain.agent import BreakKind
from domain.business_calendar import instant_of
from domain.errors import BreakOutsideShiftError, InvalidError, RotaRuleError
from domain.rota import BreakPattern, Occurrence, Rota, check_rota, ends_of, minutes_between, occurrences
from tests.factories import AGENT

HOUR = timedelta(hours=1)
LUNCH = BreakPattern(kind=BreakKind.LUNCH, after_minutes=240, minutes=30)


def rota(rule: str = "FREQ=DAILY", **changes: Any) -> Rota:
    """From 8 to 16 o'clock in Berlin, from the first Monday of 2030 on."""
    return Rota(
        **{
            "agent_id": AGENT,
            "team": "support",
            "rule": rule,
            "zone": "Europe/Berlin",
            "begins_on": date(2030, 1, 7),
            "starts": time(8),
            "minutes": 480,
            **changes,
        }
    )


def laid_out(one: Rota, since: date, until: date) -> list[Occurrence]:
    return list(occurrences(one, since, until))


def days(one: Rota, since: date = date(2030, 1, 1), until: date = date(2031, 1, 1)) -> list[date]:
    return [found.on for found in occurrences(one, since, until)]


def utc(day: date, hour: float) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + hour * HOUR


@pytest.mark.parametrize(
    ("rule", "first"),
    [
        ("FREQ=DAILY", [7, 8, 9]),
        ("FREQ=DAILY;INTERVAL=3", [7, 10, 13]),
        ("RRULE:FREQ=WEEKLY;BYDAY=TU,TH", [8, 10, 15]),
        ("freq=weekly;byday=mo", [7, 14, 21]),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR;WKST=MO", [7, 11, 21]),
        ("FREQ=MONTHLY;BYDAY=3FR", [18]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", [31]),
        ("FREQ=DAILY;COUNT=2", [7, 8]),
        ("FREQ=DAILY;UNTIL=20300109", [7, 8, 9]),
        ("FREQ=DAILY;UNTIL=20300109T070000Z", [7, 8, 9]),
        ("FREQ=DAILY;UNTIL=20300109T065959Z", [7, 8]),
        ("FREQ=DAILY;UNTIL=20300109T080000", [7, 8, 9]),
    ],
)
def test_a_rule_says_on_which_dates(rule: str, first: list[int]) -> None:
    one = rota(rule)

    check_rota(one)

    assert [day.day for day in days(one, until=date(2030, 2, 1))][: len(first)] == first
    if {"COUNT", "UNTIL"} & set(rule.replace("=", ";").split(";")):
        assert len(days(one)) == len(first)


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ("", "this is none: nothing"),
        ("whenever", "this is none: WHENEVER"),
        ("BYDAY=MO", "A rule says how often"),
        ("FREQ=FORTNIGHTLY", "A rule says how often"),
        ("FREQ=HOURLY", "HOURLY is more often than DAILY"),
        ("FREQ=SECONDLY", "SECONDLY is more often than DAILY"),
        ("FREQ=DAILY;BYHOUR=9,17", "leave BYHOUR out"),
        ("FREQ=DAILY;COUNT=3;UNTIL=20310101", "by COUNT or by UNTIL, not by both"),
        ("FREQ=DAILY;FREQ=WEEKLY", "FREQ came twice"),
        ("FREQ=DAILY;BYEASTER=0", "this is none: BYEASTER=0"),
        ("FREQ=DAILY;X-NAME=1", "this is none: X-NAME=1"),
        ("FREQ=DAILY;", "this is none: nothing"),
        ("FREQ=DAILY;COUNT=0", "COUNT is a number from 1 to 1000"),
        ("FREQ=DAILY;COUNT=1001", "COUNT is a number from 1 to 1000"),
        ("FREQ=DAILY;COUNT=²", "COUNT is a number from 1 to 1000"),
        ("FREQ=DAILY;INTERVAL=-1", "INTERVAL is a number from 1 to 366"),
        ("FREQ=DAILY;UNTIL=20400101", "more than 1000 shifts"),
        ("FREQ=DAILY;UNTIL=99991231T235959Z", "more than 1000 shifts"),
        ("FREQ=DAILY;UNTIL=00010101T000000Z", "fits no date"),
        ("FREQ=DAILY;UNTIL=tomorrow", "UNTIL is a date"),
        ("FREQ=DAILY;UNTIL=20300101", "fits no date"),
        ("FREQ=WEEKLY;BYDAY=XX", "BYDAY lists weekdays"),
        ("FREQ=MONTHLY;BYMONTHDAY=x", "this is none: X"),
        ("FREQ=MONTHLY;BYSETPOS=0;BYDAY=MO", "BYSETPOS lists numbers"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "fits no date"),
        ("FREQ=DAILY;INTERVAL=7;BYDAY=TU", "fits no date"),
        ("FREQ=DAILY\nDTSTART:19700101T000000", "A rule says how often"),
        ("FREQ=DAILY;BYDAY=MO\nEXDATE:20300107", "BYDAY lists weekdays"),
        ("FREQ=YEARLY;BYMONTH=13", "BYMONTH lists numbers from 1 to 12"),
        ("FREQ=YEARLY;BYMONTH=-1", "BYMONTH lists numbers from 1 to 12"),
        ("FREQ=MONTHLY;BYMONTHDAY=1,,2", "this is none: nothing"),
        ("FREQ=YEARLY;BYWEEKNO=54", "BYWEEKNO lists numbers from 1 to 53"),
        ("FREQ=WEEKLY;BYDAY=1MO", "a weekday of a month or a year"),
        ("FREQ=MONTHLY;BYDAY=0MO", "BYDAY lists weekdays"),
        ("FREQ=MONTHLY;BYDAY=53TU", "BYDAY lists weekdays"),
        ("FREQ=YEARLY;BYMONTH=2;BYDAY=6TU", "BYDAY lists weekdays"),
        ("FREQ=MONTHLY;BYSETPOS=1", "BYSETPOS picks"),
        ("FREQ=WEEKLY;WKST=1MO", "WKST is the weekday"),
    ],
)
def test_what_is_no_rule_for_a_rota_is_refused_with_a_sentence(rule: str, sentence: str) -> None:
    with pytest.raises(RotaRuleError) as refused:
        check_rota(rota(rule))

    assert sentence in refused.value.detail


def test_a_rota_without_end_begins_at_the_same_hour_in_summer_and_winter() -> None:
    without_end = rota()

    check_rota(without_end)

    in_spring = laid_out(without_end, date(2030, 3, 30), date(2030, 4, 2))
    assert [one.starts_at for one in in_spring] == [
        utc(date(2030, 3, 30), 7),
        utc(date(2030, 3, 31), 6),
        utc(date(2030, 4, 1), 6),
    ]
    in_autumn = laid_out(without_end, date(2030, 10, 26), date(2030, 10, 29))
    assert [one.starts_at for one in in_autumn] == [
        utc(date(2030, 10, 26), 6),
        utc(date(2030, 10, 27), 7),
        utc(date(2030, 10, 28), 7),
    ]
    assert {one.ends_at - one.starts_at for one in in_spring + in_autumn} == {8 * HOUR}


def test_a_night_in_which_the_clocks_change_is_an_hour_shorter_or_longer() -> None:
    nights = rota(starts=time(22), minutes=480, breaks=(LUNCH,))

    spring = laid_out(nights, date(2030, 3, 29), date(2030, 4, 1))
    autumn = laid_out(nights, date(2030, 10, 25), date(2030, 10, 28))

    assert [(one.ends_at - one.starts_at) / HOUR for one in spring] == [8, 7, 8]
    assert [(one.ends_at - one.starts_at) / HOUR for one in autumn] == [8, 9, 8]
    assert [one.breaks[0].starts_at - one.starts_at for one in spring + autumn] == [4 * HOUR] * 6


def test_a_time_that_the_clocks_skip_is_moved_on_to_the_skip() -> None:
    (one,) = laid_out(rota(starts=time(2, 30), minutes=240), date(2030, 3, 31), date(2030, 4, 1))
    (other,) = laid_out(rota(starts=time(0, 30), minutes=120), date(2030, 3, 31), date(2030, 4, 1))

    assert (one.starts_at, one.ends_at) == (utc(date(2030, 3, 31), 1), utc(date(2030, 3, 31), 4.5))
    assert other.ends_at == utc(date(2030, 3, 31), 1)


def test_a_shift_that_lies_in_the_skip_does_not_take_place() -> None:
    short = rota(starts=time(2, 10), minutes=40)

    assert date(2030, 3, 31) not in days(short)
    assert date(2030, 4, 1) in days(short)


def test_a_time_that_comes_twice_is_the_first_of_the_two() -> None:
    (one,) = laid_out(rota(starts=time(2, 30), minutes=60), date(2030, 10, 27), date(2030, 10, 28))

    assert one.starts_at == utc(date(2030, 10, 27), 0.5)
    assert one.ends_at == utc(date(2030, 10, 27), 2.5)


def test_a_break_for_which_a_short_night_has_no_room_is_left_out() -> None:
    late = BreakPattern(kind=BreakKind.MEETING, after_minutes=445, minutes=30)
    nights = rota(starts=time(22), breaks=(late, LUNCH))

    found = laid_out(nights, date(2030, 3, 29), date(2030, 3, 31))

    assert [[taken.kind for taken in one.breaks] for one in found] == [["lunch", "meeting"], ["lunch"]]


def test_a_whole_day_that_a_zone_skipped_has_no_shift() -> None:
    samoa = rota(zone="Pacific/Apia", begins_on=date(2011, 12, 28))

    assert days(samoa, date(2011, 12, 29), date(2012, 1, 1)) == [date(2011, 12, 29), date(2011, 12, 31)]


def test_dates_that_are_left_out_count_towards_the_rules_count() -> None:
    one = rota("FREQ=DAILY;COUNT=4", exdates=frozenset([date(2030, 1, 8)]))

    assert [day.day for day in days(one)] == [7, 9, 10]


def test_a_leap_day_stays_one() -> None:
    one = rota("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29")

    assert days(one, until=date(2041, 1, 1)) == [date(2032, 2, 29), date(2036, 2, 29), date(2040, 2, 29)]


def test_dates_far_ahead_are_found() -> None:
    assert days(rota(), date(2099, 12, 31), date(2100, 1, 2)) == [date(2099, 12, 31), date(2100, 1, 1)]


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"minutes": 961}, InvalidError),
        ({"begins_on": date(1999, 1, 1)}, InvalidError),
        ({"breaks": (LUNCH.model_copy(update={"after_minutes": 470}),)}, BreakOutsideShiftError),
        ({"exdates": frozenset(date(2031, 1, 1) + timedelta(days=count) for count in range(501))}, InvalidError),
    ],
)
def test_a_rota_that_cannot_be_is_refused(changes: dict[str, Any], kind: type[InvalidError]) -> None:
    with pytest.raises(kind):
        check_rota(rota(**changes))


def test_wall_clock_times_run_over_midnight() -> None:
    assert minutes_between(time(8), time(16)) == 480
    assert minutes_between(time(22), time(6)) == 480
    assert minutes_between(time(8), time(8)) == 1440
    assert ends_of(time(22), 480) == time(6)


def test_every_wall_clock_time_has_its_first_instant() -> None:
    assert instant_of(datetime(2030, 1, 7, 8), "Europe/Berlin") == datetime(2030, 1, 7, 7, tzinfo=UTC)  # noqa: DTZ001
    assert instant_of(datetime(2030, 4, 7, 1, 45), "Australia/Lord_Howe") == datetime(  # noqa: DTZ001
        2030, 4, 6, 14, 45, tzinfo=UTC
    )
    assert instant_of(datetime(2030, 10, 6, 2, 15), "Australia/Lord_Howe") == datetime(  # noqa: DTZ001
        2030, 10, 5, 15, 30, tzinfo=UTC
    )


def test_an_endless_rota_is_read_as_it_goes() -> None:
    assert len(list(islice(occurrences(rota(), date(2030, 1, 1), date(2190, 1, 1)), 2000))) == 2000


_NUMBER = some.integers(-400, 400).map(str)
_PART = some.one_of(
    some.tuples(
        some.sampled_from(["BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS", "INTERVAL", "COUNT"]),
        some.lists(_NUMBER, min_size=1, max_size=3).map(",".join),
    ),
    some.tuples(
        some.sampled_from(["BYDAY", "WKST"]), some.sampled_from(["MO", "TU,SA", "1MO", "-1FR", "6WE", "53TU", "X"])
    ),
    some.tuples(some.just("UNTIL"), some.sampled_from(["20300601", "20310101T000000Z", "29991231", "0"])),
)


@settings(deadline=None, max_examples=60)
@given(some.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]), some.lists(_PART, max_size=4))
def test_any_rule_is_followed_or_refused(frequency: str, parts: list[tuple[str, str]]) -> None:
    one = rota(";".join([f"FREQ={frequency}", *(f"{name}={value}" for name, value in parts)]))
    try:
        check_rota(one)
    except RotaRuleError:
        return
    found = days(one, until=date(2120, 1, 1))
    assert found == sorted(set(found))
