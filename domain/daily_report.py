"""The report of a day: all reports of it, kept as they were told.

A day is told once it is over. Told again it is a new edition, since some of a day is settled later: what was resolved
then is taken up again, what was breached then is met late. What the new edition tells otherwise is kept with it.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter

from domain.business_calendar import time_zone
from domain.errors import InvalidError
from domain.period import Period, pieces_of
from domain.ticket import Slug

MOST_DAYS = 31
"""So many days are made up for after an outage; older ones when somebody asks for them."""
Told = int | float | dict[str, float] | None
"""A figure as it is kept; a spread is a record of its parts."""


class TeamFigures(BaseModel):
    """A report's figures of a team (None: of none)."""

    model_config = ConfigDict(frozen=True)

    key: Slug | None
    name: str | None
    values: dict[str, Told]


class DayFigures(BaseModel):
    """A report of a day: of all, and by team where its figures know teams."""

    model_config = ConfigDict(frozen=True)

    values: dict[str, Told]
    teams: tuple[TeamFigures, ...] = ()


class Changed(BaseModel):
    """A figure that an edition tells otherwise than the one before. `team`: None of the whole, or of no team."""

    model_config = ConfigDict(frozen=True)

    report: str
    of_team: bool
    team: Slug | None
    figure: str
    previous: Told
    value: Told


class DailyReport(BaseModel):
    """All reports of a day of `zone`, by name."""

    model_config = ConfigDict(frozen=True)

    day: date
    zone: str
    edition: int = 1
    made_at: datetime
    reports: dict[str, DayFigures]
    changed: tuple[Changed, ...] = ()

    def after(self, former: "DailyReport | None") -> "DailyReport":
        """The edition that takes the place of the former one. One of another zone told other hours: nothing changed."""
        if former is None:
            return self
        changes = changes_of(former.reports, self.reports) if former.zone == self.zone else ()
        return self.model_copy(update={"edition": former.edition + 1, "changed": tuple(changes)})


DAY_REPORTS: TypeAdapter[dict[str, DayFigures]] = TypeAdapter(dict[str, DayFigures])
CHANGES: TypeAdapter[tuple[Changed, ...]] = TypeAdapter(tuple[Changed, ...])


def changes_of(former: Mapping[str, DayFigures], latter: Mapping[str, DayFigures]) -> Iterator[Changed]:
    """What is told otherwise, figure by figure. Figures that only one of them knows are none of it."""
    for report, figures in latter.items():
        if report not in former:
            continue
        before = former[report]
        yield from _changes(report, False, None, before.values, figures.values)
        of_teams = {team.key: team.values for team in before.teams}
        for team in figures.teams:
            yield from _changes(report, True, team.key, of_teams.pop(team.key, {}), team.values)
        for key, values in of_teams.items():
            yield from _changes(report, True, key, values, {})


def _changes(
    report: str, of_team: bool, team: Slug | None, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[Changed]:
    for figure in {**before, **after}:
        one, other = before.get(figure), after.get(figure)
        if (one or None) != (other or None):
            yield Changed(report=report, of_team=of_team, team=team, figure=figure, previous=one, value=other)


def last_day(now: datetime, zone: str) -> date:
    """The last day of a zone that is over."""
    return now.astimezone(time_zone(zone)).date() - timedelta(days=1)


def period_of_day(day: date, zone: str, now: datetime) -> Period:
    """From its first moment to the next day's. Raises InvalidError for a day that is not over, or that the zone
    skipped."""
    if day > last_day(now, zone):
        raise InvalidError(f"{day} is not over yet in {zone}.")
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=time_zone(zone))
    around = Period(noon - timedelta(days=2), noon + timedelta(days=2))
    for piece in pieces_of(around, "day", zone):
        if piece.on == day:
            return Period(piece.since, piece.until)
    raise InvalidError(f"{zone} had no {day}.")


def missing_days(made: set[date], first: date | None, now: datetime, zone: str) -> list[date]:
    """The days that are over and were not made, the earliest first: not before the `first` day of the desk (None: it
    has no tickets yet), and at most the last MOST_DAYS."""
    last = last_day(now, zone)
    if first is None:
        return []
    days = (last - timedelta(days=back) for back in reversed(range(MOST_DAYS)))
    return [day for day in days if day >= first and day not in made]
