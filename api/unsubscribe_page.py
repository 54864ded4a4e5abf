"""The page behind links in mails that end mails of a kind, or bring them back. Nobody signs in here: the link's token
says whose mails, and that its holder reads them.

A GET only shows the page with a button, for whatever checks mails for viruses follows their links. A mail program may
press the button itself: it posts `List-Unsubscribe=One-Click` (RFC 8058).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Form, Query, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from api.credentials.throttle import client_address, count_attempt
from api.http.problems import status_of
from api.state import Desk
from domain.errors import DomainError
from domain.throttle import Attempt, counted_for

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}
Switch = TypeVar("Switch")
Token = Annotated[str, Query(max_length=2000, description="From the link in the mail.")]
OneClick = Annotated[Literal["One-Click"], Form(alias="List-Unsubscribe")]
PAGE: dict[int | str, dict[str, Any]] = {200: {"content": {"text/html": {}}, "description": "A page for people"}}
_PAGE = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "account_files"), autoescape=True, undefined=StrictUndefined
).get_template("email_switch.html")


async def checked(desk: Desk, request: Request, check: Callable[[str], Switch], token: str) -> Switch:
    """What the link does. Raises LinkInvalidError as `check` does, and TooManyAttemptsError for whoever tries many
    tokens that are none."""
    counted = counted_for(Attempt.LINK, client_address(request))
    at = await count_attempt(desk, counted)
    switch = check(token)
    await desk.throttles.forgive(counted, at)
    return switch


def refused(request: Request, error: DomainError) -> HTMLResponse:
    """A page for people, the problem for programs."""
    if "text/html" not in request.headers.get("Accept", ""):
        raise error
    return page(title="This link does not work", text=error.detail, status_code=status_of(error))


def page(status_code: int = 200, **facts: Any) -> HTMLResponse:
    """What the template says with these facts; its address is two steps below the desk's."""
    empty = {"text": "", "about": [], "button": "", "token": "", "back": ""}
    return HTMLResponse(_PAGE.render(empty | facts), status_code, HEADERS)
