"""Where the link in a mailed report leads: its reader gets that report no more, or again
(`api/unsubscribe_page.py`)."""

from datetime import UTC, datetime

from fastapi import Request, Response
from fastapi.responses import HTMLResponse

from api.http.area_router import AreaRouter
from api.requests import InDesk, address_of
from api.state import Desk
from api.unsubscribe_page import PAGE, OneClick, Token, checked, page, refused
from database.report_mails import ReportMailRecord
from database.report_tables import title_of
from domain.audit import Author
from domain.errors import LimitReachedError, LinkInvalidError, NotFoundError
from integrations.unsubscribe_links import ReportMailLinks

router = AreaRouter(prefix="/reports", tags=["reports"])


@router.get("/unsubscribe", response_class=Response, responses=PAGE)
async def show_report_unsubscribe(token: Token, desk: InDesk, request: Request) -> HTMLResponse:
    """A page that says what the link does, with a button. Nothing changes before it is pressed."""
    try:
        switch = await checked(desk, request, _links(desk).check, token)
        about = _about(await desk.report_mails.read(switch.mail))
    except (LinkInvalidError, NotFoundError) as error:
        return refused(request, error)
    if switch.gets:
        return page(title="Get this report again?", text="By mail:", about=about, button="Get it again", token=token)
    return page(
        title="Get this report no more?",
        text="It would not be sent to you any more; other reports would:",
        about=about,
        button="No more mails",
        token=token,
    )


@router.post("/unsubscribe", response_class=Response, responses=PAGE)
async def unsubscribe_from_report(token: Token, click: OneClick, desk: InDesk, request: Request) -> HTMLResponse:
    """Do what the link says: for that mailed report alone. Harmless to repeat."""
    try:
        switch = await checked(desk, request, _links(desk).check, token)
        author = Author(switch.person, address=address_of(request), credential="mail-link")
        before = await desk.report_mails.switch(switch, author)
        about = _about(await desk.report_mails.read(switch.mail))
    except (LinkInvalidError, NotFoundError, LimitReachedError) as error:
        return refused(request, error)
    if switch.gets:
        return page(title="You get this report again", text="By mail:", about=about)
    return page(
        title="You get this report no more",
        text="At the desk itself nothing has changed. No mails any more with:",
        about=about,
        back="" if before is None else _links(desk).token(switch.way_back, datetime.now(UTC)),
    )


def _about(mail: ReportMailRecord) -> list[str]:
    return [f"{title_of(mail.plan.report)}, every {mail.plan.cadence.every}"]


def _links(desk: Desk) -> ReportMailLinks:
    return ReportMailLinks(desk.keys.current, desk.settings.public_base)
