"""Reports by mail: supervisors say which, when and to whom; whoever gets one may leave (`docs/report-mails.md`)."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Path, Query, Response, status

from api.http.area_router import AreaRouter
from api.report_mail_models import (
    ReportMailAskedOut,
    ReportMailBody,
    ReportMailOut,
    ReportMailRunsOut,
    ReportMailsOut,
    report_mail_out,
    run_out,
)
from api.requests import AsAuthor, AsReader, Expected, InDesk, Key
from api.state import Desk
from database.report_catalogue import REPORTS
from database.report_mails import ReportMailRecord
from domain.errors import InvalidError
from domain.forecast_report import FORECAST
from domain.ids import ReportMailId
from domain.report import ReportFilter
from domain.report_mail import ReportMailPlan, check_plan

router = AreaRouter(prefix="/reports/mails", tags=["reports"])
MAILED = (*REPORTS, FORECAST)
MailPath = Annotated[UUID, Path(description="The mailed report's id.")]


@router.get("")
async def list_report_mails(desk: InDesk, reader: AsReader) -> ReportMailsOut:
    """All mailed reports, the oldest first; for supervisors."""
    return ReportMailsOut(items=[report_mail_out(one) for one in await desk.report_mails.all()])


@router.post("", status_code=status.HTTP_201_CREATED)
async def add_report_mail(
    body: ReportMailBody, desk: InDesk, author: AsAuthor, key: Key, response: Response
) -> ReportMailOut:
    """Have a report mailed; for supervisors, as long as they are. Times are those of the zone's clocks."""
    plan = await _checked(desk, body)
    recipients = list(dict.fromkeys(body.recipients))
    added = await desk.report_mails.add(plan, recipients, author, key.request_key, is_active=body.is_active)
    return _answer(response, added)


@router.get("/{id}")
async def get_report_mail(id: MailPath, desk: InDesk, reader: AsReader, response: Response) -> ReportMailOut:
    """A mailed report; for supervisors."""
    return _answer(response, await desk.report_mails.read(ReportMailId(id)))


@router.put("/{id}")
async def replace_report_mail(
    id: MailPath, body: ReportMailBody, desk: InDesk, author: AsAuthor, expected: Expected, response: Response
) -> ReportMailOut:
    """Change it as a whole; for supervisors. Its owner stays; not active, it is sent only when somebody asks. Who left
    stays off it, named or not: see `leavers` of the answer."""
    plan = await _checked(desk, body)
    recipients = list(dict.fromkeys(body.recipients))
    changed = await desk.report_mails.replace(
        ReportMailId(id), plan, recipients, expected, author, is_active=body.is_active
    )
    return _answer(response, changed)


@router.delete("/{id}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_report_mail(id: MailPath, desk: InDesk, author: AsAuthor, expected: Expected) -> None:
    """Mail it no more, and forget its runs; for supervisors."""
    await desk.report_mails.delete(ReportMailId(id), expected, author)


@router.post("/{id}/send", status_code=status.HTTP_202_ACCEPTED)
async def send_report_mail(id: MailPath, desk: InDesk, reader: AsReader, key: Key) -> ReportMailAskedOut:
    """Send it now to all its receivers; for supervisors. Its runs tell what became of it."""
    run = await desk.report_mails.ask(ReportMailId(id), datetime.now(UTC), key.request_key)
    return ReportMailAskedOut(run_id=run)


@router.get("/{id}/runs")
async def list_report_mail_runs(
    id: MailPath, desk: InDesk, reader: AsReader, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> ReportMailRunsOut:
    """What was sent to whom, the latest first; for supervisors."""
    return ReportMailRunsOut(items=[run_out(one) for one in await desk.report_mails.runs(ReportMailId(id), limit)])


@router.post("/{id}/leave", status_code=status.HTTP_204_NO_CONTENT)
async def leave_report_mail(id: MailPath, desk: InDesk, reader: AsReader, author: AsAuthor) -> None:
    """Get it no more: for whoever gets it. Nobody but they themselves brings them back."""
    await desk.report_mails.leave(ReportMailId(id), reader.id, author)


@router.post("/{id}/return", status_code=status.HTTP_204_NO_CONTENT)
async def return_to_report_mail(id: MailPath, desk: InDesk, reader: AsReader, author: AsAuthor) -> None:
    """Get it again: for whoever left it."""
    await desk.report_mails.come_back(ReportMailId(id), reader.id, author)


async def _checked(desk: Desk, body: ReportMailBody) -> ReportMailPlan:
    """Raises InvalidError for a report or groups that there are not, UnknownReferenceError for filters."""
    plan = body.plan()
    if plan.report not in MAILED:
        raise InvalidError(f"There is no report {plan.report}; there are {', '.join(MAILED)}.")
    check_plan(plan)
    if plan.group_by is not None and not any(one.population.knows(plan.group_by) for one in REPORTS[plan.report]):
        raise InvalidError(f"No figure of this report is known by {plan.group_by}.")
    await desk.reports.check_known(
        ReportFilter(team=plan.filters.team, category=plan.filters.category, agent=plan.filters.agent)
    )
    return plan


def _answer(response: Response, record: ReportMailRecord) -> ReportMailOut:
    response.headers["ETag"] = f'"{record.revision}"'
    return report_mail_out(record)
