"""Sends files to tickets, and reads what is attached."""

import io
import zipfile
from typing import Any

import httpx2

from tests.api.desk_api import ApiDesk

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(60)
MAX_BYTES = 10_485_760
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def zipped(*names: str, compression: int = zipfile.ZIP_STORED, **members: str) -> bytes:
    """An archive of these members, the named ones with content."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", compression) as archive:
        for name in names:
            archive.writestr(name, members.get(name.partition(".")[0], "x"))
    return made.getvalue()


async def send(
    client: httpx2.AsyncClient, number: int, name: str = "screen.png", content: bytes = PNG, **more: Any
) -> httpx2.Response:
    """Attach a file; `internal` is a field, everything else a header."""
    fields = {"internal": more.pop("internal")} if "internal" in more else {}
    headers = {header.replace("_", "-"): value for header, value in more.items()}
    path = f"/api/tickets/{number}/attachments"
    return await client.post(
        path, files={"file": (name, content, "application/octet-stream")}, data=fields, headers=headers
    )


async def attached(client: httpx2.AsyncClient, number: int, *args: Any, **more: Any) -> dict[str, Any]:
    answer = await send(client, number, *args, **more)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def listed(client: httpx2.AsyncClient, number: int) -> list[dict[str, Any]]:
    answer = await client.get(f"/api/tickets/{number}/attachments")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def rows(api: ApiDesk, number: int) -> int:
    return int(await api.parts.pool.fetchval("select count(*) from attachments where ticket_number = $1", number))
