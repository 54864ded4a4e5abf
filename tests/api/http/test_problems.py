"""Every refusal has a status, and every status speaks the same language."""

import httpx2
import pytest
from fastapi import FastAPI

from api.http.problems import STATUS, install, status_of
from domain.errors import DomainError
from tests.api.desk_api import assert_problem

ERRORS = sorted(DomainError.by_code.values(), key=lambda error: error.code)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.code)
def test_every_error_has_a_status(error: type[DomainError]) -> None:
    assert status_of(error("A sentence.")) in {401, 403, 404, 409, 412, 413, 415, 422, 429, 503}


def test_an_error_of_no_family_would_be_noticed() -> None:
    with pytest.raises(LookupError):
        status_of(DomainError("of no family"))


def test_every_family_is_an_error_of_its_own() -> None:
    assert set(STATUS) <= set(DomainError.by_code.values())


@pytest.fixture
def app() -> FastAPI:
    """An app whose one route fails as it is told."""
    app = FastAPI()
    install(app)

    @app.get("/fail/{code}")
    async def fail(code: str) -> None:
        if code == "bug":
            raise RuntimeError("Planted detail of ours")
        raise DomainError.by_code[code](f"Because of {code}.")

    return app


@pytest.fixture
def client(app: FastAPI) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app, raise_app_exceptions=False), base_url="http://problems"
    )


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.code)
async def test_every_error_is_answered_by_its_code(client: httpx2.AsyncClient, error: type[DomainError]) -> None:
    async with client:
        answer = await client.get(f"/fail/{error.code}")

    problem = assert_problem(answer, status_of(error("")), error.code)
    assert problem["detail"] == f"Because of {error.code}."
    assert problem["errors"] == []
    assert ("Retry-After" in answer.headers) == (status_of(error("")) in (429, 503))


async def test_a_fault_of_ours_tells_nothing_of_itself(client: httpx2.AsyncClient) -> None:
    async with client:
        answer = await client.get("/fail/bug")

    assert_problem(answer, 500, "internal_error")
    assert "Planted" not in answer.text
