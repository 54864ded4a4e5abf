"""Answers that a route puts together from plain values itself, without a model: long lists above all."""

from typing import Any
from uuid import UUID

import orjson
from starlette.responses import Response


class PlainJsonResponse(Response):
    """JSON of plain values, moments and ids; written as the models write theirs, at a fifth of the cost.

    Raises TypeError for a value of another kind.
    """

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content, _plain, orjson.OPT_UTC_Z)


def _plain(value: object) -> str:
    """The ids that the database's driver makes are of a class of its own."""
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON")
