"""Sessions: what somebody who signed in holds until they sign out, or are signed out."""

from datetime import datetime
from uuid import uuid4

from database.credentials import CredentialId
from database.pool import Pool
from domain.ids import PersonId


class SessionStore:
    """Sessions in PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def open(self, person: PersonId, until: datetime, address: str = "", user_agent: str = "") -> CredentialId:
        """Begin a session of somebody who has just proven who they are."""
        session = CredentialId("session", uuid4())
        await self._pool.execute(
            "insert into sessions (id, person_id, expires_at, address, user_agent) values ($1, $2, $3, $4, $5)",
            session.id,
            person,
            until,
            address,
            user_agent,
        )
        return session
