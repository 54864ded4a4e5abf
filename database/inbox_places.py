"""Where a page of the inbox ended: the cursors of its two lists."""

import base64
import json
import re
from datetime import datetime
from typing import Any, NamedTuple

from domain.errors import InvalidError

NOT_OURS = "This cursor was not made by this list."


class Place(NamedTuple):
    """Where a page ended, of a list of unread ones, of read ones or of all, that began at a moment."""

    wanted: bool | None
    as_of: datetime
    is_unread: bool
    at: datetime
    id: int

    def __str__(self) -> str:
        return _encode(self.wanted, self.as_of.isoformat(), self.is_unread, self.at.isoformat(), self.id)

    @classmethod
    def parse(cls, cursor: str, wanted: bool | None) -> "Place":
        """Raises InvalidError, also for a cursor of a list of others than are wanted now."""
        its, as_of, is_unread, at, id = _decode(cursor, 5)
        if its is not wanted or not isinstance(is_unread, bool) or wanted not in (None, is_unread):
            raise InvalidError(NOT_OURS)
        return cls(wanted, _moment(as_of), is_unread, _moment(at), _number(id))


class GroupPlace(NamedTuple):
    """Where a page ended, of a list that knows notifications up to a newest one."""

    newest: int
    at: datetime
    thing: str

    def __str__(self) -> str:
        return _encode(self.newest, self.at.isoformat(), self.thing)

    @classmethod
    def parse(cls, cursor: str) -> "GroupPlace":
        """Raises InvalidError."""
        newest, at, thing = _decode(cursor, 3)
        if not isinstance(thing, str) or not re.fullmatch(r"[a-z0-9_]{1,40}", thing):
            raise InvalidError(NOT_OURS)
        return cls(_number(newest), _moment(at), thing)


def _encode(*values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def _decode(cursor: str, parts: int) -> list[Any]:
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidError(NOT_OURS) from error
    if not isinstance(values, list) or len(values) != parts:
        raise InvalidError(NOT_OURS)
    return values


def _moment(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise InvalidError(NOT_OURS) from error
    if moment.utcoffset() is None or not 1970 < moment.year < 2200:
        raise InvalidError(NOT_OURS)
    return moment


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise InvalidError(NOT_OURS)
    return value
