"""What a calendar says of a moment: by the clocks of zones that skip hours, repeat hours and skip days."""

from typing import Any

import httpx2
import pytest

from domain.business_calendar import zone_data_version
from tests.api.desk_api import assert_problem
from tests.api.sla_desk import (
    AROUND_THE_CLOCK,
    CALENDARS,
    EVERYTHING,
    NIGHT,
    NINE_TO_FIVE,
    a_calendar,
    added,
    ask,
    replaced,
)

pytestmark = pytest.mark.usefixtures("shipped_terms")


async def test_it_says_what_a_moment_is(admin: httpx2.AsyncClient, agent: httpx2.AsyncClient) -> None:
    body = a_calendar()
    calendar = await replaced(admin, CALENDARS, await added(admin, CALENDARS, body), body)
    sources = {"calendar_version": 2, "zone_data": zone_data_version(), "reason": None}

    assert await ask(agent, calendar, "2026-11-20T16:00:00+01:00", working_seconds=4 * 3600) == {
        "at": "2026-11-20T15:00:00Z",
        "local_time": "2026-11-20T16:00:00+01:00",
        "is_open": True,
        "closes_at": "2026-11-20T16:00:00Z",
        "next_opening": "2026-11-20T15:00:00Z",
        "after_working_time": "2026-11-23T11:00:00Z",
        **sources,
    }
    assert await ask(agent, calendar, "2026-11-20T16:00:00Z") == {
        "at": "2026-11-20T16:00:00Z",
        "local_time": "2026-11-20T17:00:00+01:00",
        "is_open": False,
        "closes_at": None,
        "next_opening": "2026-11-23T08:00:00Z",
        "after_working_time": None,
        **sources,
    }


@pytest.mark.parametrize(
    ("evening", "seconds", "after"),
    [
        ("2026-03-28T22:00:00+01:00", 7 * 3600, "2026-03-29T04:00:00Z"),
        ("2026-10-24T22:00:00+02:00", 9 * 3600, "2026-10-25T05:00:00Z"),
    ],
    ids=["an hour is skipped", "an hour is repeated"],
)
async def test_a_night_is_as_long_as_its_clock_makes_it(
    admin: httpx2.AsyncClient, evening: str, seconds: int, after: str
) -> None:
    nights = await added(admin, CALENDARS, a_calendar(week=[NIGHT] * 7))

    said = await ask(admin, nights, evening, working_seconds=seconds)

    assert (said["closes_at"], said["after_working_time"]) == (after, after)
    one_more = await ask(admin, nights, evening, working_seconds=seconds + 1)
    assert one_more["after_working_time"] > after[:10] + "T20:00"


async def test_an_hour_that_is_skipped_is_never_worked_and_a_repeated_one_twice(admin: httpx2.AsyncClient) -> None:
    small = await added(admin, CALENDARS, a_calendar(week=[[{"from": "02:10", "to": "02:50"}]] * 7))

    spring = await ask(admin, small, "2026-03-28T12:00:00Z")
    autumn = await ask(admin, small, "2026-10-24T12:00:00Z", working_seconds=80 * 60)

    assert spring["next_opening"] == "2026-03-30T00:10:00Z"
    assert (autumn["next_opening"], autumn["after_working_time"]) == ("2026-10-25T00:10:00Z", "2026-10-25T01:50:00Z")


async def test_a_date_that_the_zone_skips_is_not_worked(admin: httpx2.AsyncClient) -> None:
    samoa = await added(admin, CALENDARS, a_calendar(zone="Pacific/Apia", week=[NINE_TO_FIVE] * 7))

    said = await ask(admin, samoa, "2011-12-29T17:00:00-10:00", working_seconds=3600)

    assert said["local_time"] == "2011-12-29T17:00:00-10:00"
    assert said["next_opening"] == "2011-12-30T19:00:00Z"  # 09:00 on the 31st by the new offset, +14:00
    assert said["after_working_time"] == "2011-12-30T20:00:00Z"


async def test_the_leap_day_and_special_hours_count(admin: httpx2.AsyncClient) -> None:
    calendar = await added(admin, CALENDARS, a_calendar(**EVERYTHING))

    said = await ask(admin, calendar, "2028-02-29T00:00:00-05:00", working_seconds=2 * 3600)

    assert said["next_opening"] == "2028-02-29T05:00:00Z"  # Monday's last span runs until 02:00
    assert said["after_working_time"] == "2028-02-29T07:00:00Z"
    later = await ask(admin, calendar, "2028-02-29T02:00:00-05:00", working_seconds=2 * 3600)
    assert (later["next_opening"], later["after_working_time"]) == ("2028-02-29T15:00:00Z", "2028-02-29T17:00:00Z")


async def test_what_is_always_open_never_closes(admin: httpx2.AsyncClient) -> None:
    said = await ask(admin, {"id": AROUND_THE_CLOCK}, "2200-01-01T00:00:00Z", working_seconds=86_400)

    assert (said["is_open"], said["closes_at"]) == (True, None)
    assert said["after_working_time"] == "2200-01-02T00:00:00Z"


async def test_working_time_that_never_comes_says_so(admin: httpx2.AsyncClient) -> None:
    once = await added(
        admin, CALENDARS, a_calendar(week=[[]] * 7, special_days=[{"on": "2030-01-02", "spans": NINE_TO_FIVE}])
    )

    said = await ask(admin, once, "2030-01-02T08:00:00Z", working_seconds=8 * 3600 + 1)
    assert (said["is_open"], said["after_working_time"]) == (True, None)
    assert "within five years" in said["reason"]
    assert (await ask(admin, once, "2030-01-03T00:00:00Z"))["next_opening"] is None
    none = await ask(admin, once, "2030-01-03T00:00:00Z", working_seconds=0)
    assert (none["after_working_time"], none["reason"]) == ("2030-01-03T00:00:00Z", None)


@pytest.mark.parametrize(
    "question",
    [
        {},
        {"at": None},
        {"at": "noon"},
        {"at": "2030-01-01T00:00:00"},
        {"at": "1969-12-31T00:00:00Z"},
        {"at": "2200-01-02T00:00:00Z"},
        {"at": "9999-12-31T23:59:59-23:59"},
        {"at": 10**30},
        {"at": "2030-01-01T00:00:00Z", "working_seconds": -1},
        {"at": "2030-01-01T00:00:00Z", "working_seconds": 5 * 366 * 86_400 + 1},
        {"at": "2030-01-01T00:00:00Z", "working_seconds": 10**400},
        {"at": "2030-01-01T00:00:00Z", "working_seconds": 1.5},
        {"at": "2030-01-01T00:00:00Z", "hours": 1},
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(admin: httpx2.AsyncClient, question: dict[str, Any]) -> None:
    assert_problem(await admin.post(f"{CALENDARS}/{AROUND_THE_CLOCK}/test", json=question), 422, "invalid")
