"""The edition of calendars and policies: it counts their changes, so that readers know when to read anew."""

from database.pool import Connection
from domain.errors import StaleRevisionError


async def raise_edition(connection: Connection) -> int:
    """Begin a change within the caller's transaction, and return the edition that it makes.

    Only one change is made at a time: the next one waits here until this transaction is over, and then sees what it
    left. One that is refused leaves the edition as it was.
    """
    number: int = await connection.fetchval("update sla_edition set number = number + 1 returning number")
    return number


def check_expected(present: int, expected: int | None) -> None:
    """Raises StaleRevisionError when the caller saw another version."""
    if expected is not None and expected != present:
        raise StaleRevisionError(f"This is version {present} by now, not {expected}; look at it again.")
