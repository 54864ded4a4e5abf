"""Answers made from plain values are written as the models write theirs."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from asyncpg.pgproto import pgproto
from pydantic_core import to_json

from api.http.plain_json import PlainJsonResponse
from domain.ticket import Status

ID = UUID("0b7c64b7-4f0e-4a55-9f1d-6f6f0f5a7d21")


@pytest.mark.parametrize(
    "value",
    [
        datetime(2026, 11, 26, 9, tzinfo=UTC),
        datetime(2026, 11, 26, 9, 0, 0, 1, tzinfo=UTC),
        datetime(2026, 11, 26, 9, tzinfo=timezone(timedelta(hours=5, minutes=45))),
        ID,
        pgproto.UUID(str(ID)),
        Status.ON_HOLD,
        'Zoë said: "2 < 3"\n\u2028 \U0001f600',
        (None, True, 9_007_199_254_740_993, 0.1, [], {}),
    ],
    ids=repr,
)
def test_a_value_is_written_as_models_write_it(value: object) -> None:
    response = PlainJsonResponse({"value": [value]})

    assert response.body == to_json({"value": [value]})
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", 2**70, float], ids=repr)
def test_a_value_of_another_kind_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        PlainJsonResponse(value)
