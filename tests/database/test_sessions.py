"""A session begins for whoever proved who they are, and not for a password that was changed meanwhile."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from database.accounts import AccountStore
from database.people import PeopleStore
from database.pool import Pool
from database.refresh_tokens import RefreshTokenStore
from database.sessions import SessionStore
from domain.errors import InvalidCredentialsError
from tests.factories import AGENT


async def version_of(pool: Pool) -> int:
    person = await PeopleStore(pool).read(AGENT)
    assert person is not None
    return person.credential_version


async def test_a_password_that_was_changed_meanwhile_opens_no_session(pool: Pool) -> None:
    version, now = await version_of(pool), datetime.now(UTC)
    await AccountStore(pool).change_password(AGENT, "a new hash", but=None)

    with pytest.raises(InvalidCredentialsError):
        await SessionStore(pool).open(AGENT, now + timedelta(days=1), version=version)
    with pytest.raises(InvalidCredentialsError):
        await RefreshTokenStore(pool).begin(AGENT, "token", now, version=version)
    assert await SessionStore(pool).all_of(AGENT) == []


async def test_of_a_change_and_a_sign_in_at_once_no_old_session_is_left(pool: Pool) -> None:
    """Whoever comes first, the other one sees it."""
    sessions, accounts = SessionStore(pool), AccountStore(pool)
    for _ in range(20):
        version, until = await version_of(pool), datetime.now(UTC) + timedelta(days=1)
        await asyncio.gather(
            sessions.open(AGENT, until, version=version),
            accounts.change_password(AGENT, "a new hash", but=None),
            sessions.open(AGENT, until, version=version),
            return_exceptions=True,
        )
        assert await sessions.all_of(AGENT) == []
