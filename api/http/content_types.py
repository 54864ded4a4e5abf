"""Bodies are JSON, unless a route says otherwise.

A page of another site can make a browser post a form or plain text without asking anybody, and never JSON; so the
refusal of other types is also one of forged requests.
"""

from collections.abc import Collection

from fastapi import Request, params
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")


async def accepted_body(request: Request) -> None:
    """A dependency of every route under /api. Raises HTTPException 415."""
    headers = request.headers
    if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
        return
    sent = headers.get("content-type", "").split(";", 1)[0].strip().lower()
    accepted = _accepted(request.scope.get("route"))
    if sent in accepted or (accepted == ("application/json",) and _is_json(sent)):
        return
    raise HTTPException(415, f"The body must be {' or '.join(accepted)}.")


def _is_json(sent: str) -> bool:
    return sent.startswith("application/") and sent.endswith("+json")


def _accepted(route: object) -> Collection[str]:
    """A route with a form accepts forms; one that reads its body itself says in its `openapi_extra` what it accepts."""
    if isinstance(route, APIRoute):
        if route.body_field is not None and isinstance(route.body_field.field_info, params.Form):
            return FORMS
        named = (route.openapi_extra or {}).get("requestBody", {}).get("content")
        if named:
            return tuple(named)
    return ("application/json",)
