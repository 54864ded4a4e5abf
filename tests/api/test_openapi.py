"""The published document: valid, kind to generators, and the same as the code's."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from operations.openapi import FILE, document


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    return json.loads(json.dumps(document()))  # type: ignore[no-any-return]


def operations(published: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in published["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def inside(part: Any, published: dict[str, Any], seen: frozenset[str] = frozenset()) -> Iterator[dict[str, Any]]:
    """Every object of a schema, references followed."""
    if isinstance(part, list):
        for item in part:
            yield from inside(item, published, seen)
    elif isinstance(part, dict):
        yield part
        reference = part.get("$ref")
        if isinstance(reference, str) and reference not in seen:
            name = reference.removeprefix("#/components/schemas/")
            yield from inside(published["components"]["schemas"][name], published, seen | {reference})
        for value in part.values():
            yield from inside(value, published, seen)


def test_it_is_valid_openapi_3_1(published: dict[str, Any]) -> None:
    assert published["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(published).validate()


def test_the_committed_document_is_the_codes() -> None:
    assert FILE.exists(), "run `make openapi`"
    assert json.loads(FILE.read_text()) == document(), "docs/openapi.json is stale: run `make openapi`"


async def test_it_is_served(nobody: httpx2.AsyncClient, published: dict[str, Any]) -> None:
    answer = await nobody.get("/openapi.json")

    assert answer.status_code == 200
    assert answer.json() == published
    assert (await nobody.get("/docs")).status_code == 200


def test_every_operation_has_its_own_name(published: dict[str, Any]) -> None:
    names = Counter(operation["operationId"] for _, operation in operations(published))

    assert max(names.values()) == 1, names


def test_every_operation_has_one_tag(published: dict[str, Any]) -> None:
    assert {
        what: operation.get("tags") for what, operation in operations(published) if len(operation.get("tags", [])) != 1
    } == {}


def test_every_parameter_of_a_path_is_declared(published: dict[str, Any]) -> None:
    for what, operation in operations(published):
        declared = {one["name"] for one in operation.get("parameters", []) if one["in"] == "path"}
        assert declared == {part[1:-1] for part in what.split("/") if part.startswith("{")}, what


def test_bodies_are_named_components_without_alternatives(published: dict[str, Any]) -> None:
    for what, operation in operations(published):
        schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        if schema is None:
            continue
        assert "$ref" in json.dumps(schema), what
        assert not [part for part in inside(schema, published) if "oneOf" in part], what


def test_answers_are_named_components(published: dict[str, Any]) -> None:
    for what, operation in operations(published):
        for status, answer in operation["responses"].items():
            schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
            if status.startswith("2") and schema:
                assert "$ref" in schema, (what, status)


def test_every_reference_leads_somewhere(published: dict[str, Any]) -> None:
    for part in inside(published["paths"], published):
        reference = part.get("$ref")
        if isinstance(reference, str):
            assert reference.removeprefix("#/components/schemas/") in published["components"]["schemas"]


def test_the_streams_event_is_a_component(published: dict[str, Any]) -> None:
    event = published["components"]["schemas"]["Event"]
    answer = published["paths"]["/api/events"]["get"]["responses"]["200"]["content"]

    assert {"id", "type", "at", "ticket", "revision", "actor", "change"} == event["properties"].keys()
    assert set(answer) == {"text/event-stream"}


def test_problems_are_documented_as_they_are_sent(published: dict[str, Any]) -> None:
    for what, operation in operations(published):
        for status, answer in operation["responses"].items():
            if status.startswith(("4", "5")) and "/api/" in what:
                content = answer.get("content", {})
                assert set(content) == {"application/problem+json"}, (what, status, set(content))
                assert content["application/problem+json"].get("schema"), (what, status)


def test_what_needs_a_sign_in_says_so(published: dict[str, Any]) -> None:
    open_paths = {
        "POST /api/auth/login",
        "POST /api/auth/register",
        "POST /api/auth/token",
        "GET /api/shifts/feeds/{file}",
    }
    for what, operation in operations(published):
        needs = "/api/" in what and what not in open_paths
        assert bool(operation.get("security")) == needs, what
