"""Where the links in mails about notifications lead: mails of some types end, or come again
(`api/unsubscribe_page.py`)."""

from datetime import UTC, datetime

from fastapi import Request, Response
from fastapi.responses import HTMLResponse

from api.http.area_router import AreaRouter
from api.requests import InDesk
from api.state import Desk
from api.unsubscribe_page import PAGE, OneClick, Token, checked, page, refused
from domain.email_switch import ABOUT, way_back
from domain.errors import LinkInvalidError, NotFoundError
from integrations.unsubscribe_links import UnsubscribeLinks

router = AreaRouter(prefix="/notifications", tags=["notifications"])


@router.get("/unsubscribe", response_class=Response, responses=PAGE)
async def show_unsubscribe(token: Token, desk: InDesk, request: Request) -> HTMLResponse:
    """A page that says what the link does, with a button. Nothing changes before it is pressed."""
    try:
        switch = await checked(desk, request, _links(desk).check, token)
    except LinkInvalidError as error:
        return refused(request, error)
    about = [ABOUT[type] for type in switch.modes]
    if switch.is_off:
        return page(
            title="No more mails like this?",
            text="At this address you would get no more mails about:",
            about=about,
            button="No more mails",
            token=token,
        )
    return page(
        title="Get these mails again?", text="You would get mails about:", about=about, button="Turn on", token=token
    )


@router.post("/unsubscribe", response_class=Response, responses=PAGE)
async def unsubscribe(token: Token, click: OneClick, desk: InDesk, request: Request) -> HTMLResponse:
    """Do what the link says. Other channels stay as they are. Harmless to repeat."""
    try:
        switch = await checked(desk, request, _links(desk).check, token)
        role, before = await desk.email_choices.apply(switch)
    except (LinkInvalidError, NotFoundError) as error:
        return refused(request, error)
    about = [ABOUT[type] for type in switch.modes]
    if not switch.is_off:
        return page(title="You get these mails again", text="About:", about=about)
    return page(
        title="You get no more mails like this",
        text="At the desk itself nothing has changed. No mails any more about:",
        about=about,
        back=_links(desk).token(way_back(switch, before, role), datetime.now(UTC)),
    )


def _links(desk: Desk) -> UnsubscribeLinks:
    return UnsubscribeLinks(desk.keys.current, desk.settings.public_base)
