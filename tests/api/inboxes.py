"""What a test asks of somebody's inbox."""

from typing import Any

import httpx2

INBOX = "/api/notifications"


async def inbox_of(client: httpx2.AsyncClient, **params: Any) -> list[dict[str, Any]]:
    """What this person was told of."""
    answer = await client.get(INBOX, params={"limit": 200, **params})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def told_of(client: httpx2.AsyncClient, ticket: dict[str, Any], **params: Any) -> list[str]:
    """The sentences about a ticket, the newest last."""
    return [one["text"] for one in reversed(await inbox_of(client, ticket=ticket["number"], **params))]


async def counts_of(client: httpx2.AsyncClient) -> dict[str, Any]:
    answer = await client.get(f"{INBOX}/counts")
    assert answer.status_code == 200, answer.text
    counts: dict[str, Any] = answer.json()
    return counts


async def mark(client: httpx2.AsyncClient, what: str = "read", body: Any = None) -> dict[str, Any]:
    """Mark notifications, and expect that it is done."""
    answer = await client.post(f"{INBOX}/{what}", json=body)
    assert answer.status_code == 200, answer.text
    marked: dict[str, Any] = answer.json()
    return marked


async def why(client: httpx2.AsyncClient, number: int, revision: int | None = None) -> dict[str, Any]:
    """Why this person was told of an event of a ticket, or was not."""
    params = {} if revision is None else {"revision": revision}
    answer = await client.get(f"/api/tickets/{number}/notifications/why", params=params)
    assert answer.status_code == 200, answer.text
    explained: dict[str, Any] = answer.json()
    return explained
