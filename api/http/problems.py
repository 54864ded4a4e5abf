"""Every refusal and fault as `application/problem+json` (RFC 9457), by one table."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from database.pool import UNAVAILABLE
from domain import errors
from workflows.client import CommandPendingError, EngineUnavailableError

log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"

STATUS: dict[type[errors.DomainError], int] = {
    errors.UnauthenticatedError: 401,
    errors.ForbiddenError: 403,
    errors.NotFoundError: 404,
    errors.ConflictError: 409,
    errors.StaleRevisionError: 412,
    errors.InvalidError: 422,
    errors.TooManyAttemptsError: 429,
    errors.UnsupportedMediaTypeError: 415,
    errors.ContentTooLargeError: 413,
    errors.RevisionMismatchError: 503,
    errors.ProviderDownError: 503,
}
"""Family of errors -> status. A test holds that every error belongs to a family."""

RETRY_AFTER_SECONDS = 2
UNREADABLE = (RecursionError, ValueError)
"""What reading JSON ends with when it is nested too deep, has endless numbers, or is no UTF-8."""


class FieldProblem(BaseModel):
    """One thing wrong with the input."""

    loc: list[str] = Field(description="Where: body, query, path or header, then the names down to the field.")
    message: str


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    code: str = Field(description="Stable, for machines.")
    errors: list[FieldProblem] = Field(default_factory=list)


class PendingCommand(BaseModel):
    """202: the engine has not answered in time; the command may still take effect."""

    command_id: str
    status: str = "pending"
    location: str


def problem(
    status: int, code: str, detail: str, *, fields: list[FieldProblem] | None = None, headers: Mapping[str, str] = {}
) -> JSONResponse:
    body = Problem(
        type=f"urn:smart-ticketing:problem:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        code=code,
        errors=fields or [],
    )
    return JSONResponse(body.model_dump(), status_code=status, headers=dict(headers), media_type=MEDIA_TYPE)


def status_of(error: errors.DomainError) -> int:
    """The status of an error's family."""
    for family in type(error).__mro__:
        if family in STATUS:
            return STATUS[family]
    raise LookupError(f"{type(error).__name__} belongs to no family")


async def _tell_nobody(request: Request, status: int, code: str) -> None:
    """Nobody wants to know what was refused."""


def install(app: FastAPI, tell_refusal: Callable[[Request, int, str], Awaitable[None]] = _tell_nobody) -> None:
    """Make the app answer every error this way. What is refused is told by status and code before it is answered."""
    app.state.tell_refusal = tell_refusal
    app.add_exception_handler(errors.DomainError, _refused)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(CommandPendingError, _pending)
    app.add_exception_handler(EngineUnavailableError, _engine_down)
    for kind in UNAVAILABLE:
        app.add_exception_handler(kind, _database_down)
    app.add_exception_handler(Exception, _fault)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, errors.DomainError)
    status = status_of(error)
    await request.app.state.tell_refusal(request, status, error.code)
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    if status == 503:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if isinstance(error, errors.TooManyAttemptsError):
        headers["Retry-After"] = str(error.retry_after_seconds)
    return problem(status, error.code, error.detail, headers=headers)


async def _malformed(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    fields = [
        FieldProblem(loc=[_printable(part) for part in item["loc"]], message=item["msg"]) for item in error.errors()
    ]
    is_json = not any(item["type"] == "json_invalid" for item in error.errors())
    code, detail = ("invalid", "The input is malformed.") if is_json else ("malformed_json", "The body is no JSON.")
    return problem(422, code, detail, fields=fields)


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == 400 and isinstance(error.__cause__, UNREADABLE):
        return problem(422, "malformed_json", "The body is no JSON that can be read.")
    if error.status_code == 400:  # the framework's own answer to a body that it cannot read
        return problem(422, "malformed_body", "The body cannot be read as what it says it is.")
    phrase = HTTPStatus(error.status_code).phrase
    code = phrase.lower().replace(" ", "_").replace("-", "_")
    await request.app.state.tell_refusal(request, error.status_code, code)
    return problem(error.status_code, code, error.detail or phrase, headers=error.headers or {})


async def _pending(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, CommandPendingError)
    return pending(error, f"/api/tickets/{request.path_params['number']}/commands/{error.command}")


def pending(error: CommandPendingError, location: str) -> JSONResponse:
    """202, with where to look for what became of it."""
    body = PendingCommand(command_id=str(error.command), location=location)
    headers = {"Location": location, "Retry-After": str(RETRY_AFTER_SECONDS)}
    return JSONResponse(body.model_dump(), status_code=202, headers=headers)


async def _engine_down(request: Request, error: Exception) -> JSONResponse:
    log.warning("%s %s: the engine: %s", request.method, request.url.path, error)
    detail = "The workflow engine does not answer; reading and opening tickets go on. Try again."
    return problem(503, "engine_unavailable", detail, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


async def _database_down(request: Request, error: Exception) -> JSONResponse:
    log.warning("%s %s: the database: %r", request.method, request.url.path, error)
    detail = "The database does not answer. Try again."
    return problem(503, "database_unavailable", detail, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


async def _fault(request: Request, error: Exception) -> JSONResponse:
    return problem(500, "internal_error", "Something went wrong on our side; it was logged.")


def _printable(part: Any) -> str:
    return str(part)
