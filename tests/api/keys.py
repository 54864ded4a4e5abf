"""Keys and service accounts that a test makes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from tests.api.desk_api import ApiDesk


async def a_service(admin: httpx2.AsyncClient, **changes: Any) -> dict[str, Any]:
    """An account of a service; an agent of team `support`, if nothing else is said."""
    body = {"name": "Monitoring", "role": "agent", "teams": ["support"], **changes}
    made = await admin.post("/api/service-accounts", json=body)
    assert made.status_code == 201, made.text
    account: dict[str, Any] = made.json()
    return account


async def a_key(
    client: httpx2.AsyncClient, *scopes: str, of: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """A key of the client's own, or one of a service account."""
    path = "/api/auth/api-keys" if of is None else f"/api/service-accounts/{of['id']}/keys"
    made = await client.post(path, json={"name": "for a test", "scopes": list(scopes) or ["tickets:read"], **more})
    assert made.status_code == 201, made.text
    key: dict[str, Any] = made.json()
    return key


@asynccontextmanager
async def with_key(api: ApiDesk, key: dict[str, Any] | str) -> AsyncIterator[httpx2.AsyncClient]:
    """A client that signs in with the key."""
    async with api.client() as client:
        client.headers["X-API-Key"] = key if isinstance(key, str) else key["key"]
        yield client
