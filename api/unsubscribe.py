"""Where the links in mails about notifications lead: mails of some types end, or come again. Nobody signs in here: the
link's token says whose mails, and that its holder reads them.

A GET only shows a page with a button, for whatever checks mails for viruses follows their links. A mail program may
press the button itself: it posts `List-Unsubscribe=One-Click` (RFC 8058).
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from api.problems import status_of
from api.requests import InDesk
from api.state import Desk
from api.throttle import client_address, count_attempt
from domain.email_switch import ABOUT, EmailSwitch, way_back
from domain.errors import DomainError, LinkInvalidError, NotFoundError
from domain.throttle import Attempt, counted_for
from integrations.unsubscribe_links import UnsubscribeLinks

router = APIRouter(prefix="/notifications", tags=["notifications"])
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}
Token = Annotated[str, Query(max_length=2000, description="From the link in the mail.")]
OneClick = Annotated[Literal["One-Click"], Form(alias="List-Unsubscribe")]
PAGE: dict[int | str, dict[str, Any]] = {200: {"content": {"text/html": {}}, "description": "A page for people"}}
_PAGE = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "account_files"), autoescape=True, undefined=StrictUndefined
).get_template("email_switch.html")


@router.get("/unsubscribe", response_class=Response, responses=PAGE)
async def show_unsubscribe(token: Token, desk: InDesk, request: Request) -> HTMLResponse:
    """A page that says what the link does, with a button. Nothing changes before it is pressed."""
    try:
        switch = await _checked(desk, request, token)
    except LinkInvalidError as error:
        return _refused(request, error)
    about = [ABOUT[type] for type in switch.modes]
    if switch.is_off:
        return _page(
            title="No more mails like this?",
            text="At this address you would get no more mails about:",
            about=about,
            button="No more mails",
            token=token,
        )
    return _page(
        title="Get these mails again?", text="You would get mails about:", about=about, button="Turn on", token=token
    )


@router.post("/unsubscribe", response_class=Response, responses=PAGE)
async def unsubscribe(token: Token, click: OneClick, desk: InDesk, request: Request) -> HTMLResponse:
    """Do what the link says. Other channels stay as they are. Harmless to repeat."""
    try:
        switch = await _checked(desk, request, token)
        role, before = await desk.email_choices.apply(switch)
    except (LinkInvalidError, NotFoundError) as error:
        return _refused(request, error)
    about = [ABOUT[type] for type in switch.modes]
    if not switch.is_off:
        return _page(title="You get these mails again", text="About:", about=about)
    return _page(
        title="You get no more mails like this",
        text="At the desk itself nothing has changed. No mails any more about:",
        about=about,
        back=_links(desk).token(way_back(switch, before, role), datetime.now(UTC)),
    )


async def _checked(desk: Desk, request: Request, token: str) -> EmailSwitch:
    """Raises LinkInvalidError, and TooManyAttemptsError for whoever tries many tokens that are none."""
    counted = counted_for(Attempt.LINK, client_address(request))
    at = await count_attempt(desk, counted)
    switch = _links(desk).check(token)
    await desk.throttles.forgive(counted, at)
    return switch


def _links(desk: Desk) -> UnsubscribeLinks:
    return UnsubscribeLinks(desk.keys.current, desk.settings.public_base)


def _refused(request: Request, error: DomainError) -> HTMLResponse:
    """A page for people, the problem for programs."""
    if "text/html" not in request.headers.get("Accept", ""):
        raise error
    return _page(title="This link does not work", text=error.detail, status_code=status_of(error))


def _page(status_code: int = 200, **facts: Any) -> HTMLResponse:
    empty = {"text": "", "about": [], "button": "", "token": "", "back": ""}
    return HTMLResponse(_PAGE.render(empty | facts), status_code, HEADERS)
