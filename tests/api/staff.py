"""People who join the desk for a test, and their work."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx2

from tests.api.desk_api import ApiDesk, do, opened

NOBODY = "00000000-0000-4000-8000-000000000000"
PASSWORD = "long enough"
MakeAgent = Callable[..., Awaitable[dict[str, Any]]]


def a_person(**changes: Any) -> dict[str, Any]:
    """Somebody whom the desk does not know yet."""
    return {"email": f"{uuid4().hex[:12]}.new@example.com", "name": "Nina New", "password": PASSWORD, **changes}


async def signed_in(api: ApiDesk, agent: dict[str, Any]) -> dict[str, str]:
    """The headers of an agent."""
    person = await api.parts.people.find_by_email(agent["email"])
    assert person is not None
    return {"Authorization": f"Bearer {await api.token_of(person.id)}"}


async def given(supervisor: httpx2.AsyncClient, agent: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A ticket that was opened and given to the agent."""
    ticket = await opened(supervisor, **{"team": "support", **fields})
    return await do(supervisor, ticket["number"], "assign", {"assignee": agent["id"]})
