"""Of which period a mailed report tells, on which days it is due, and what no plan may say."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from pydantic import ValidationError

from domain.errors import InvalidError
from domain.ids import PersonId, ReportMailId
from domain.report import Dimension
from domain.report_mail import (
    Cadence,
    PeriodKind,
    ReportMailPlan,
    check_plan,
    days_of_month,
    letter_id,
    moments_instead,
    period_at,
    run_id,
)

BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("kind", "moment", "since", "until"),
    [
        # The clocks went forward on Sunday, 31 March 2024: that day had 23 hours.
        ("yesterday", "2024-04-01T05:00Z", "2024-03-30T23:00Z", "2024-03-31T22:00Z"),
        # They went back on Sunday, 27 October 2024: 25 hours.
        ("yesterday", "2024-10-28T06:00Z", "2024-10-26T22:00Z", "2024-10-27T23:00Z"),
        ("last_7_days", "2024-04-01T05:00Z", "2024-03-24T23:00Z", "2024-03-31T22:00Z"),
        ("last_30_days", "2024-03-31T21:59Z", "2024-02-29T23:00Z", "2024-03-30T23:00Z"),
        ("last_week", "2024-04-03T05:00Z", "2024-03-24T23:00Z", "2024-03-31T22:00Z"),
        ("last_week", "2024-03-31T21:59Z", "2024-03-17T23:00Z", "2024-03-24T23:00Z"),
        ("last_week", "2024-03-31T22:00Z", "2024-03-24T23:00Z", "2024-03-31T22:00Z"),
        ("last_month", "2024-03-31T12:00Z", "2024-01-31T23:00Z", "2024-02-29T23:00Z"),
        ("last_month", "2025-01-01T00:00Z", "2024-11-30T23:00Z", "2024-12-31T23:00Z"),
        # 23:30 in UTC is the next day in Berlin.
        ("last_month", "2024-12-31T23:30Z", "2024-11-30T23:00Z", "2024-12-31T23:00Z"),
    ],
)
def test_a_period_is_of_whole_days_of_the_zone(kind: str, moment: str, since: str, until: str) -> None:
    period = period_at(PeriodKind(kind), datetime.fromisoformat(moment), BERLIN)

    assert period == (datetime.fromisoformat(since), datetime.fromisoformat(until))


def test_a_midnight_that_the_clocks_skip_is_the_moment_of_the_skip() -> None:
    """In Cairo, 26 April 2024 began at 1 o'clock."""
    period = period_at(PeriodKind.YESTERDAY, datetime(2024, 4, 27, 6, tzinfo=UTC), "Africa/Cairo")

    assert period == (datetime(2024, 4, 25, 22, tzinfo=UTC), datetime(2024, 4, 26, 21, tzinfo=UTC))


def test_the_week_to_come_is_of_hours() -> None:
    """The clocks of Berlin go forward in it; those of Kathmandu show a quarter to when an hour begins."""
    for zone in (BERLIN, "Asia/Kathmandu"):
        period = period_at(PeriodKind.NEXT_7_DAYS, datetime.fromisoformat("2024-03-29T11:00+05:45"), zone)

        assert period == (datetime(2024, 3, 29, 5, tzinfo=UTC), datetime(2024, 4, 5, 5, tzinfo=UTC))


@pytest.mark.parametrize("kind", [one for one in PeriodKind if one is not PeriodKind.NEXT_7_DAYS])
def test_a_period_is_over_and_follows_that_of_the_time_before(kind: PeriodKind) -> None:
    for hours in range(0, 24 * 400, 7):
        moment = datetime(2023, 12, 1, tzinfo=UTC) + timedelta(hours=hours)
        period = period_at(kind, moment, "America/St_Johns")
        assert period.since < period.until <= moment
        if kind in (PeriodKind.LAST_WEEK, PeriodKind.LAST_MONTH):
            assert period_at(kind, period.since, "America/St_Johns").until == period.since


@pytest.mark.parametrize("day", range(1, 32))
def test_each_month_is_due_once_on_the_day_or_its_last(day: int) -> None:
    for year in (2023, 2024):
        for month in range(1, 13):
            last = (datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC) - timedelta(days=1)).day
            due = [
                days.day
                for days in days_of_month(day)
                if (not days.months or month in days.months) and days.leap in (None, year == 2024)
            ]
            assert due == [min(day, last)]


@pytest.mark.parametrize(
    "cadence",
    [
        {"every": "week", "hour": 7},
        {"every": "day", "weekdays": [1], "hour": 7},
        {"every": "week", "weekdays": [1, 1], "hour": 7},
        {"every": "week", "weekdays": [7], "hour": 7},
        {"every": "month", "hour": 7},
        {"every": "month", "day": 32, "hour": 7},
        {"every": "day", "day": 3, "hour": 7},
        {"every": "day", "hour": 24},
    ],
)
def test_a_cadence_names_its_days_and_no_others(cadence: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Cadence.model_validate(cadence)


@pytest.mark.parametrize(
    ("cadence", "zone", "instead"),
    [
        ({"every": "day", "hour": 2, "minute": 30}, BERLIN, "2027-03-28T03:30+02:00"),
        ({"every": "week", "weekdays": [6], "hour": 2}, BERLIN, "2027-03-28T03:00+02:00"),
        ({"every": "week", "weekdays": [0], "hour": 2}, BERLIN, None),
        ({"every": "month", "day": 28, "hour": 2}, BERLIN, "2027-03-28T03:00+02:00"),
        ({"every": "day", "hour": 3}, BERLIN, None),
        ({"every": "day", "hour": 2}, "UTC", None),
        ({"every": "day", "hour": 0, "minute": 15}, "Africa/Cairo", "2027-04-30T01:15+03:00"),
    ],
)
def test_a_time_that_the_clocks_skip_is_due_later_on_that_day(
    cadence: dict[str, Any], zone: str, instead: str | None
) -> None:
    moments = [one for one in moments_instead(Cadence.model_validate(cadence), zone) if one.year == 2027]

    assert moments == ([] if instead is None else [datetime.fromisoformat(instead)])


def test_some_reports_always_have_their_groups() -> None:
    plan = ReportMailPlan(report="agents", period=PeriodKind.YESTERDAY, cadence=Cadence(every="day", hour=7))

    check_plan(plan)
    assert plan.groups is Dimension.AGENT
    with pytest.raises(InvalidError):
        check_plan(plan.model_copy(update={"group_by": Dimension.TEAM}))


@pytest.mark.parametrize(
    "changes",
    [
        {"period": "last_week"},
        {"report": "tickets"},
        {"group_by": "team"},
        {"filters": {"team": ["support"], "priority": ["urgent"]}},
        {"filters": {"no_agent": True}},
    ],
)
def test_a_forecast_is_of_teams_and_the_next_days(changes: dict[str, Any]) -> None:
    plan = {"report": "forecast", "period": "next_7_days", "cadence": {"every": "day", "hour": 7}}

    check_plan(ReportMailPlan.model_validate(plan | {"filters": {"team": ["support"]}}))
    with pytest.raises(InvalidError):
        check_plan(ReportMailPlan.model_validate(plan | changes))


def test_a_run_and_its_letters_have_names_that_stay() -> None:
    mail, one, other = ReportMailId(uuid4()), PersonId(uuid4()), PersonId(uuid4())
    run = run_id(mail, "report-mail-1-2024")

    assert run == run_id(mail, "report-mail-1-2024") != run_id(mail, "report-mail-1-2025")
    assert letter_id(run, one) == letter_id(run, one) != letter_id(run, other)
