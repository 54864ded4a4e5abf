"""Which answers tell of a refused attempt, and what is written of the request behind one."""

import re

from fastapi import Request

from api.refusals import Kind, Refusal
from api.requests import address_of
from domain.audit import Author

USER_AGENT_CHARACTERS = 200

STATUSES = frozenset({401, 403, 429})
HIDING = frozenset({"ticket_not_found", "shift_not_found"})
"""Codes that also say no to what is somebody else's. All of them are written: were only those written behind which
there is something, the time that writing takes would tell."""
SUBJECTS = {
    "number": "ticket", "person": "person", "agent": "person", "team": "team", "policy": "sla_policy",
    "calendar": "sla_calendar", "rollout": "sla_rollout", "shift": "shift", "rota": "rota", "time_off": "time_off",
    "request_id": "shift_request",
}  # fmt: skip
"""Parameter of a path -> kind of subject. Others, which may be secrets, are not written down."""
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def is_refusal(status: int, code: str) -> bool:
    """Whether an answer tells of an attempt that belongs into the trail."""
    return status in STATUSES or code in HIDING


def refusal_of(request: Request, code: str) -> Refusal:
    """What is to be written of a request that was refused."""
    author = getattr(request.state, "author", None) or Author(address=address_of(request))
    route = str(getattr(request.scope.get("route"), "path", "unmatched"))
    agent = request.headers.get("user-agent", "").replace("\0", "")[:USER_AGENT_CHARACTERS]
    return Refusal(author, Kind(request.method, route, code), *_subject(request, route), agent or None)


def _subject(request: Request, route: str) -> tuple[str, str | None]:
    for name, kind in SUBJECTS.items():
        if name in request.path_params:
            value = str(request.path_params[name])
            return kind, value if _ID.fullmatch(value) else None
    return "route", route


async def tell_refusal(request: Request, status: int, code: str) -> None:
    """For `problems.install`."""
    if is_refusal(status, code):
        await request.app.state.desk.refusals.tell(refusal_of(request, code))
