"""A storm: everything breaches within a minute, and the supervisor is told once by push and once by mail, of all of it
in the inbox.

`STORM=500` sets how many tickets.
"""

import asyncio
import base64
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from operations.replay.desk import Desk, Json, Person
from tests.integrations.mail_server import MailServer, listening
from tests.system.processes import RunningStack, eventually
from tests.system.writers import Cast, patient_desk

STORM = int(os.environ.get("STORM", "60"))
AT_ONCE = 16
BREACH = "sla_breach.customer.first_response.1"


class PushService:
    """What a browser's maker runs: it takes messages for a device and says so."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    async def take(self, request: web.Request) -> web.Response:
        assert request.headers["Content-Encoding"] == "aes128gcm"
        self.taken.append(await request.read())
        return web.Response(status=201)


@asynccontextmanager
async def push_service(service: PushService) -> AsyncIterator[str]:
    """The address of one device."""
    app = web.Application()
    app.router.add_post("/device", service.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"http://127.0.0.1:{port}/device"
    finally:
        await runner.cleanup()


def device_keys() -> dict[str, str]:
    """As a browser makes them for its subscription."""
    point = ec.generate_private_key(ec.SECP256R1()).public_key()
    spoken = point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return {name: base64.urlsafe_b64encode(key).rstrip(b"=").decode() for name, key in
            (("p256dh", spoken), ("auth", os.urandom(16)))}  # fmt: skip


async def breach(desk: Desk, cast: Cast, turn: int) -> int:
    """A ticket whose first answer is overdue."""
    body = {"title": f"Storm {turn}", "description": "All at once.", "team": "billing"}
    ticket = await desk.ask("open", "POST", "/tickets", cast.requesters[0], body, key=f"storm-{turn}")
    number: int = ticket["number"]
    path = f"/tickets/{number}/pending/{BREACH}/advance"
    await desk.ask("breach", "POST", path, cast.admin, key=f"breach-{turn}")
    return number


async def inbox(desk: Desk, person: Person) -> list[Json]:
    """All that the person was told of breaches."""
    items: list[Json] = []
    cursor = ""
    while True:
        path = f"/notifications?type=sla_breach&limit=200{cursor}"
        page = await desk.ask("inbox", "GET", path, person)
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        cursor = f"&cursor={page['next_cursor']}"


@pytest.mark.timeout(300 + STORM)
async def test_a_storm_of_breaches_is_one_push_one_mail_and_all_of_it_in_the_inbox(
    stack: RunningStack, choices: dict[str, str], data_dir: Path
) -> None:
    mails, pushes, places = MailServer(), PushService(), asyncio.Semaphore(AT_ONCE)
    async with listening(mails) as smtp_port, push_service(pushes) as device, aiohttp.ClientSession() as session:
        mail = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(smtp_port), "SMTP_SECURITY": "none"}
        stormy = RunningStack({**choices, **mail, "OUTGOING_ALLOW": "127.0.0.1"}, data_dir)
        try:
            await stormy.start()
            desk = patient_desk(session, stormy.address)
            cast = await Cast.signed_in(desk)
            subscription = {"endpoint": device, "keys": device_keys()}
            await desk.ask("subscribe", "POST", "/notifications/push-subscriptions", cast.supervisor, subscription)
            await desk.ask("prefer", "PATCH", "/notifications/preferences", cast.supervisor, {"bundle_minutes": 1})

            async def one(turn: int) -> int:
                async with places:
                    return await breach(desk, cast, turn)

            numbers = set(await asyncio.gather(*(one(turn) for turn in range(STORM))))
            told = await eventually(
                "all breaches to be in the inbox", lambda: inbox(desk, cast.supervisor), lambda all_: len(all_) >= STORM
            )
            assert sorted(item["ticket"]["number"] for item in told) == sorted(numbers)

            async def settled() -> bool:
                why = [await desk.ask("why", "GET", f"/notifications/{item['id']}/why", cast.supervisor)
                       for item in (told[0], told[-1])]  # fmt: skip
                last = [{one["channel"]: one["outcome"] for one in about["decisions"]} for about in why]
                return len(mails.taken) >= 1 and all("waits" not in outcomes.values() for outcomes in last)

            await eventually("the mail of the storm", settled)
            of_supervisor = [mail for mail in mails.taken if "supervisor@example.com" in str(mail["To"])]
            assert len(of_supervisor) == 1, [str(mail["Subject"]) for mail in of_supervisor]
            assert len(pushes.taken) == 1
        finally:
            await stormy.kill_everything()
