"""Accounts as their owners make and use them: the mails that were asked for, and the links that are in them."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx2

from api.credentials.token_keys import load_or_make_key
from domain.account_mail import AccountMailKind, AccountMailRequest, LinkPurpose
from domain.email_address import email_key
from domain.ids import AccountMailId, PersonId
from integrations.signed_links import LinkMaker
from tests.api.desk_api import ApiDesk

PASSWORD = "an unlikely sentence"


def new_email() -> str:
    """An address that the desk does not know."""
    return f"{uuid4().hex[:12]}@example.net"


async def register(client: httpx2.AsyncClient, email: str, password: str = PASSWORD, **more: Any) -> httpx2.Response:
    body = {"email": email, "name": "Rita Requester", "password": password, **more}
    return await client.post("/api/auth/register", json=body)


async def login(client: httpx2.AsyncClient, email: str, password: str = PASSWORD, **more: Any) -> httpx2.Response:
    return await client.post("/api/auth/login", json={"email": email, "password": password, **more})


async def mails_to(api: ApiDesk, email: str) -> list[str]:
    """The kinds of mails that were asked for, in order."""
    rows = await api.parts.pool.fetch(
        "select m.kind from account_mails m join people p on p.id = m.person_id where p.email_key = $1 "
        "order by m.requested_at, m.id",
        email_key(email),
    )
    return [row["kind"] for row in rows]


async def link_to(api: ApiDesk, email: str, purpose: LinkPurpose) -> str:
    """The token of the link that a mail about the account carries if it is sent now."""
    row = await api.parts.pool.fetchrow(
        "select id, email, credential_version from people where email_key = $1", email_key(email)
    )
    assert row is not None
    now = datetime.now(UTC)
    request = AccountMailRequest(
        AccountMailId(uuid4()),
        AccountMailKind.VERIFY_EMAIL,
        now,
        PersonId(row["id"]),
        row["email"],
        row["credential_version"],
    )
    return LinkMaker(load_or_make_key(api.settings.token_key_path), "http://desk").token(purpose, request, now)


async def verify(api: ApiDesk, client: httpx2.AsyncClient, email: str) -> httpx2.Response:
    token = await link_to(api, email, LinkPurpose.VERIFY_EMAIL)
    return await client.post("/api/auth/verify-email", json={"token": token})


async def signed_up(api: ApiDesk, client: httpx2.AsyncClient, email: str | None = None) -> dict[str, Any]:
    """Somebody who registered, confirmed their address and signed in: what the login answered."""
    email = email or new_email()
    assert (await register(client, email)).status_code == 202
    assert (await verify(api, client, email)).status_code == 204
    answer = await login(client, email)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def bearer(signed: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {signed['access_token']}"}
