"""The report of a day: which days there are to tell, and what a later edition tells otherwise."""

from datetime import UTC, date, datetime, timedelta

import pytest

from domain.daily_report import (
    MOST_DAYS,
    DailyReport,
    DayFigures,
    TeamFigures,
    Told,
    last_day,
    missing_days,
    period_of_day,
)
from domain.errors import InvalidError

NOON = datetime(2030, 4, 2, 12, tzinfo=UTC)
TODAY = NOON.date()
DAY = timedelta(days=1)


def a_day(zone: str = "UTC", teams: dict[str | None, dict[str, Told]] | None = None, **values: Told) -> DailyReport:
    figures = DayFigures(
        values=values, teams=tuple(TeamFigures(key=key, name=key, values=those) for key, those in (teams or {}).items())
    )
    return DailyReport(day=TODAY - DAY, zone=zone, made_at=NOON, reports={"tickets": figures})


def test_a_day_is_over_when_its_zone_says_so() -> None:
    assert last_day(NOON, "UTC") == date(2030, 4, 1)
    assert last_day(NOON, "Pacific/Kiritimati") == date(2030, 4, 2)
    assert last_day(datetime(2030, 4, 2, 3, tzinfo=UTC), "America/Los_Angeles") == date(2030, 3, 31)


def test_a_day_is_as_long_as_the_clocks_make_it() -> None:
    short, long = (period_of_day(day, "Europe/Berlin", datetime(2031, 1, 1, tzinfo=UTC)) for day in
                   (date(2030, 3, 31), date(2030, 10, 27)))  # fmt: skip

    assert short.until - short.since == timedelta(hours=23)
    assert long.until - long.since == timedelta(hours=25)
    assert short.since == datetime(2030, 3, 30, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "zone"), [(TODAY, "UTC"), (date(2099, 1, 1), "UTC"), (date(2011, 12, 30), "Pacific/Apia")]
)
def test_a_day_that_is_not_over_or_never_was_is_refused(day: date, zone: str) -> None:
    with pytest.raises(InvalidError):
        period_of_day(day, zone, NOON)


def test_what_is_missing_is_made_up_for_but_not_from_before_the_desk_began() -> None:
    yesterday = TODAY - DAY

    assert missing_days(set(), None, NOON, "UTC") == []
    assert missing_days(set(), TODAY, NOON, "UTC") == []
    assert missing_days(set(), yesterday - 2 * DAY, NOON, "UTC") == [yesterday - 2 * DAY, yesterday - DAY, yesterday]
    assert missing_days({yesterday - DAY}, yesterday - 2 * DAY, NOON, "UTC") == [yesterday - 2 * DAY, yesterday]
    assert len(missing_days(set(), date(2020, 1, 1), NOON, "UTC")) == MOST_DAYS


def test_a_later_edition_says_what_it_tells_otherwise() -> None:
    first = a_day(teams={"support": {"opened": 2, "resolved": 1}, "network": {"opened": 1}}, opened=3, resolved=2)
    later = a_day(teams={"support": {"opened": 2, "resolved": 0}, None: {"opened": 1}}, opened=3, resolved=1, csat=0.5)

    second = later.after(first)

    assert (first.after(None).edition, second.edition, second.after(second).edition) == (1, 2, 3)
    assert {(one.of_team, one.team, one.figure, one.previous, one.value) for one in second.changed} == {
        (False, None, "resolved", 2, 1),
        (False, None, "csat", None, 0.5),
        (True, "support", "resolved", 1, 0),
        (True, None, "opened", None, 1),
        (True, "network", "opened", 1, None),
    }
    assert second.after(second).changed == ()


def test_a_day_of_another_zone_is_another_day() -> None:
    assert a_day("Asia/Tokyo", opened=3).after(a_day(opened=1)).changed == ()
    assert a_day("Asia/Tokyo", opened=3).after(a_day(opened=1)).edition == 2


def test_nothing_and_zero_are_the_same_news() -> None:
    assert a_day(opened=0).after(a_day(opened=None)).changed == ()
