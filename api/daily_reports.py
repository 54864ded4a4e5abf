"""The report of a day: what was told of it, and having it told again."""

from datetime import UTC, date, datetime
from typing import Annotated

from fastapi import Path, Query, status
from pydantic import BaseModel, Field

from api.http.area_router import AreaRouter
from api.report_models import FigureValue
from api.requests import AsReader, InDesk
from database.report_catalogue import FIGURES
from domain.access import check_supervisor, teams_with_figures
from domain.daily_report import Changed, DailyReport, Told, period_of_day
from domain.errors import NotFoundError
from domain.ticket import Slug

router = AreaRouter(prefix="/reports/daily", tags=["reports"])
Day = Annotated[date, Path(description="A day of the desk's zone, as `2030-03-31`.")]


class DailyReportItem(BaseModel):
    """That a day's report is there."""

    day: date
    zone: str
    edition: int
    made_at: datetime
    changed: int = Field(description="How many figures the last edition told otherwise than the one before.")


class DailyReportPage(BaseModel):
    """Days whose reports are there, the last first."""

    items: list[DailyReportItem]
    next_cursor: str | None


class TeamOfDayOut(BaseModel):
    """The figures of a team; those of no team have the key null."""

    key: Slug | None
    name: str | None
    values: dict[str, FigureValue]


class ReportOfDayOut(BaseModel):
    """A report of the day: of all (for whoever sees all), and by team where its figures know teams."""

    values: dict[str, FigureValue] | None
    teams: list[TeamOfDayOut]


class ChangedFigureOut(BaseModel):
    """A figure that the last edition told otherwise. `team` null: of all when `of_team` is false, else of no team."""

    report: str
    of_team: bool
    team: Slug | None
    figure: str
    previous: FigureValue
    value: FigureValue


class DailyReportOut(BaseModel):
    """All reports of a day, as they were told at `made_at`; queues are as of the day's end."""

    day: date
    zone: str
    since: datetime = Field(serialization_alias="from")
    until: datetime = Field(serialization_alias="to")
    edition: int
    made_at: datetime
    reports: dict[str, ReportOfDayOut]
    changed: list[ChangedFigureOut]


class DailyRunOut(BaseModel):
    """The day is being told. It is there when its `made_at` is not before `asked_at`."""

    status: str
    day: date
    asked_at: datetime
    location: str


@router.get("")
async def list_daily_reports(
    desk: InDesk,
    reader: AsReader,
    limit: Annotated[int, Query(ge=1, le=400)] = 50,
    cursor: Annotated[date | None, Query(description="The last day of the page before.")] = None,
) -> DailyReportPage:
    """The days whose reports are there."""
    teams_with_figures(reader)
    found = await desk.daily_reports.list(limit, cursor)
    items = [DailyReportItem(**one._asdict()) for one in found]
    return DailyReportPage(items=items, next_cursor=found[-1].day.isoformat() if len(found) == limit else None)


@router.get("/{day}")
async def get_daily_report(day: Day, desk: InDesk, reader: AsReader) -> DailyReportOut:
    """A day as it was told last. Agents are told the figures of their teams."""
    within = teams_with_figures(reader)
    found = await desk.daily_reports.read(day)
    if found is None:
        raise NotFoundError(f"{day} was not reported; a supervisor can ask for it, once it is over.")
    return spoken_day(found, within)


@router.post("/{day}", status_code=status.HTTP_202_ACCEPTED)
async def make_daily_report(day: Day, desk: InDesk, reader: AsReader) -> DailyRunOut:
    """Tell a day that is over, or tell it again: its figures as they stand by now. Asking while it is under way changes
    nothing. For supervisors and admins."""
    check_supervisor(reader)
    asked_at = datetime.now(UTC)
    period_of_day(day, desk.settings.report_zone, asked_at)
    await desk.daily_reporting.start(day)
    return DailyRunOut(status="started", day=day, asked_at=asked_at, location=f"/api/reports/daily/{day}")


def spoken_day(report: DailyReport, within: frozenset[Slug] | None) -> DailyReportOut:
    """A day as those are told it who see these teams (None: all of them)."""
    period = period_of_day(report.day, report.zone, report.made_at)

    def sees(team: Slug | None) -> bool:
        return within is None or team in within

    def is_told(change: Changed) -> bool:
        return within is None or (change.of_team and change.team in within)

    return DailyReportOut(
        day=report.day,
        zone=report.zone,
        since=period.since,
        until=period.until,
        edition=report.edition,
        made_at=report.made_at,
        reports={
            name: ReportOfDayOut.model_validate(
                {
                    "values": _known(figures.values) if within is None else None,
                    "teams": [
                        {"key": team.key, "name": team.name, "values": _known(team.values)}
                        for team in figures.teams
                        if sees(team.key)
                    ],
                }
            )
            for name, figures in report.reports.items()
        },
        changed=[ChangedFigureOut.model_validate(one.model_dump()) for one in report.changed if is_told(one)],
    )


def _known(values: dict[str, Told]) -> dict[str, Told]:
    """Without figures that there are no more."""
    return {name: value for name, value in values.items() if name in FIGURES}
