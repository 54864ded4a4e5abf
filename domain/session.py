"""Sessions and the refresh tokens that keep them going.

All refresh tokens of a session are one family: each is used once and replaced by its successor. One that comes a
second time was either sent twice by its owner, whose first answer got lost, or copied. Nobody can tell for sure, so
the rule goes by time: soon after, and as long as nobody used the successor, it is the owner; otherwise it is theft,
and the whole session ends (RFC 9700, section 4.14.2).
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

REFRESH_LIFETIME = timedelta(days=30)
"""How long a refresh token is good for when it is not used; each use gives as much again."""
LONGEST_SESSION = timedelta(days=180)
"""After this one has to prove anew who one is, however often one refreshed."""
BROWSER_SESSION_LIFETIME = timedelta(days=14)
REFRESH_GRACE = timedelta(seconds=20)
"""How long a used token may come again because its answer got lost."""


class RefreshOutcome(StrEnum):
    ROTATE = "rotate"
    """The first use: the token gets its successor."""
    REPLACE = "replace"
    """The answer got lost: the successor, which nobody used, is replaced by a new one."""
    THEFT = "theft"
    """Somebody else has a copy: the session ends."""


class RefreshState(NamedTuple):
    """How a token stands when it comes."""

    used_at: datetime | None
    is_successor_used: bool


def refresh_outcome(state: RefreshState, now: datetime) -> RefreshOutcome:
    """What the use of a genuine token of a session in force means."""
    if state.used_at is None:
        return RefreshOutcome.ROTATE
    if not state.is_successor_used and now - state.used_at <= REFRESH_GRACE:
        return RefreshOutcome.REPLACE
    return RefreshOutcome.THEFT


def session_end(began: datetime, now: datetime) -> datetime:
    """Until when a session that began then goes on if it is refreshed now."""
    return min(now + REFRESH_LIFETIME, began + LONGEST_SESSION)
