"""What signing in leaves behind goes when nobody needs it."""

from datetime import UTC, datetime, timedelta

from database.pool import Pool
from database.refresh_tokens import RefreshTokenStore
from database.sessions import SessionStore
from database.sign_in_leftovers import SESSIONS, TALLIES, forget_leftovers
from database.throttles import ThrottleStore
from domain.session import REFRESH_LIFETIME
from domain.throttle import Attempt, counted_for
from tests.factories import AGENT


async def test_each_goes_when_its_time_has_come(pool: Pool) -> None:
    now = datetime.now(UTC)
    await pool.execute("delete from throttles")
    tokens = RefreshTokenStore(pool)
    await tokens.begin(AGENT, "first", now)
    await tokens.use("first", "second", now)
    await ThrottleStore(pool).take(counted_for(Attempt.LOGIN, "192.0.2.1", "ada"), now)

    assert await forget_leftovers(pool, now) == (0, 0, 0)
    assert await forget_leftovers(pool, now + TALLIES + timedelta(seconds=1)) == (3, 0, 0)
    assert await forget_leftovers(pool, now + REFRESH_LIFETIME + timedelta(seconds=1)) == (0, 2, 0)
    assert await forget_leftovers(pool, now + REFRESH_LIFETIME + SESSIONS + timedelta(seconds=1)) == (0, 0, 1)


async def test_where_somebody_signed_in_is_known_for_a_while(pool: Pool) -> None:
    sessions = SessionStore(pool)
    await sessions.open(AGENT, datetime.now(UTC) + timedelta(days=1), "192.0.2.1")

    assert await sessions.is_known_from(AGENT, "192.0.2.1")
    assert not await sessions.is_known_from(AGENT, "192.0.2.2")
    assert not await sessions.is_known_from(None, "192.0.2.1")
    await sessions.revoke_all(AGENT, "test")
    assert await sessions.is_known_from(AGENT, "192.0.2.1")
    assert await sessions.all_of(AGENT) == []
