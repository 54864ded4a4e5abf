"""The desk while one of its parts is away: what goes on, what waits and says so, and how it comes back by itself."""

import asyncio
import contextlib
import hashlib
import json
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import psutil
import pytest

from database.pool import Pool, open_pool
from database.tickets import TicketStore
from domain.ids import PersonId, TextId, TicketNumber, command_id_for_key
from domain.people import Actor, Role
from domain.ticket import Ticket
from domain.ticket_commands import AddReply, CommandEnvelope, EditTicket, TicketCommand, WakeTicket
from domain.ticket_rules import decide
from operations.replay.desk import Json, Person
from stack.postgres import Postgres
from stack.supervisor import Part, Supervisor
from stack.temporal import Temporal
from tests.api.desk_api import still
from tests.system.processes import RunningStack, eventually, quiet_port, readiness, run_module
from tests.system.writers import Cast, patient_desk
from workflows.client import connect
from workflows.search_attributes import SEARCH_ATTRIBUTES
from workflows.ticket_client import TicketClient, workflow_id

pytestmark = pytest.mark.timeout(300)


class Switch:
    """A part that the test turns off without warning, and on again."""

    def __init__(self, part: Part, logs: Path) -> None:
        self._part = part
        self._logs = logs
        self._supervisor: Supervisor | None = None

    async def on(self) -> None:
        if self._supervisor is None:
            self._supervisor = Supervisor(self._logs)
            await self._supervisor.start(self._part)

    async def off(self) -> None:
        if self._supervisor is not None:
            self._supervisor.hurry()
            await self._supervisor.stop()
            self._supervisor = None

    @property
    def pid(self) -> int:
        assert self._supervisor is not None, "it is off"
        return self._supervisor.pid(self._part.name)


@contextlib.contextmanager
def frozen(pid: int) -> Any:
    """The process is there, but does nothing."""
    process = psutil.Process(pid)
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: Json = field(default_factory=dict)

    @property
    def asks_to_wait(self) -> bool:
        """A refusal for now: 503 with the moment to come back and a code for machines."""
        return self.status == 503 and "Retry-After" in self.headers and self.body["code"].endswith("_unavailable")


@dataclass
class Desk:
    """API and worker as the stack runs them, on an engine and a database that the test switches."""

    stack: RunningStack
    engine: Switch
    engine_store: Path
    postgres: Switch
    session: aiohttp.ClientSession
    pool: Pool
    tickets: TicketClient
    env: dict[str, str]
    cast: Cast

    @property
    def agent(self) -> Person:
        return self.cast.agents[0]

    async def ask(self, method: str, path: str, body: Json | None = None, key: str | None = None) -> Answer:
        """One request by the agent, sent once."""
        headers = {"Authorization": f"Bearer {self.agent.token}"} | ({"Idempotency-Key": key} if key else {})
        address = f"{self.stack.address}{path}"
        async with self.session.request(method, address, json=body, headers=headers) as answer:
            return Answer(answer.status, dict(answer.headers), await answer.json(content_type=None))

    async def open(self, **changes: Any) -> int:
        opened = await self.ask("POST", "/api/tickets", {"title": "Printer on fire", **changes})
        assert opened.status == 201, opened
        number: int = opened.body["number"]
        return number

    async def running(self) -> int:
        """A ticket whose workflow runs."""
        number = await self.open()
        await self.runs(number)
        return number

    async def state(self, number: int) -> Ticket | None:
        return await self.tickets.state(TicketNumber(number))

    async def row(self, number: int) -> Ticket:
        row = await TicketStore(self.pool).state(TicketNumber(number))
        assert row is not None
        return row

    async def runs(self, number: int) -> None:
        await eventually(f"ticket {number} to run", lambda: self.state(number), lambda state: state is not None)

    async def bodies(self, number: int) -> list[str | None]:
        """The texts in the ticket's timeline."""
        timeline = await self.ask("GET", f"/api/tickets/{number}/timeline")
        assert timeline.status == 200, timeline
        return [entry["body"] for entry in timeline.body["items"]]

    async def is_ready(self) -> None:
        await self.stack.ready()

    async def unready(self) -> Json:
        """Returns what readiness says as soon as it says no."""
        status, body = await eventually(
            "readiness to fail",
            lambda: readiness(self.session, self.stack.address),
            lambda answer: answer[0] == 503,
        )
        assert status == 503
        told: Json = json.loads(body)
        return told

    async def all_on(self) -> None:
        await self.postgres.on()
        await self.engine.on()
        await self.is_ready()


@pytest.fixture(scope="module")
async def started(make_folder: Callable[[], Path]) -> AsyncIterator[Desk]:
    folder = make_folder()
    folder.chmod(0o755)  # as root, PostgreSQL runs as another user
    postgres = Postgres(folder / "postgres", folder / "run", database="smart_ticketing", is_durable=False)
    port, store = quiet_port(), folder / "temporal.db"
    temporal = Temporal(store, port=port, ui_port=quiet_port(), search_attributes=SEARCH_ATTRIBUTES)
    env = {
        "DATA_DIR": str(folder / "data"),
        "API_PORT": str(quiet_port()),
        "DATABASE_URL": postgres.dsn("smart_ticketing"),
        "TEMPORAL_ADDRESS": f"127.0.0.1:{port}",
        "COMMAND_TIMEOUT_SECONDS": "2",
    }
    stack = RunningStack(env, folder)
    switches = [Switch(part, folder / "logs") for part in (postgres.part(), temporal.part())]
    for switch in switches:
        await switch.on()
    await stack.start()
    code, said = await run_module("operations.seed", env=env)
    assert code == 0, said
    async with aiohttp.ClientSession() as session:
        pool = await open_pool(env["DATABASE_URL"], 4)
        tickets = TicketClient(await connect(env["TEMPORAL_ADDRESS"], "default"), 30)
        cast = await Cast.signed_in(patient_desk(session, stack.address))
        yield Desk(stack, switches[1], store, switches[0], session, pool, tickets, env, cast)
        pool.terminate()
    await stack.stop()
    for switch in switches:
        await switch.off()


@pytest.fixture
async def desk(started: Desk) -> AsyncIterator[Desk]:
    """Everything is on, before and after."""
    await started.all_on()
    yield started
    await started.all_on()


def every_other_change(number: int, agent: Person) -> list[tuple[str, str, Json]]:
    """All that one may do to a ticket that is there, with its body."""
    bodies: dict[str, Json] = {
        "replies": {"body": "Which printer?"},
        "status": {"status": "pending"},
        "assign": {"assignee": agent.id},
    }
    paths = ("replies", "status", "assign", "unassign", "claim", "escalate", "de-escalate", "snooze", "wake")
    commands = [("POST", f"/api/tickets/{number}/{path}", bodies.get(path, {})) for path in paths]
    return [*commands, ("PATCH", f"/api/tickets/{number}", {"title": "Printer in ashes"})]


async def test_without_the_engine_tickets_are_opened_and_read_and_run_as_soon_as_it_is_back(desk: Desk) -> None:
    number = await desk.running()
    before = await desk.ask("GET", f"/api/tickets/{number}")
    await desk.engine.off()

    told = await desk.unready()
    assert told["status"] == "degraded"
    assert "Temporal" in told["engine"]["reason"]
    opened = [await desk.open(title=f"Opened without the engine {n}") for n in range(5)]
    for path in (f"/{opened[0]}", f"/{number}", f"/{number}/timeline", f"/{number}/pending", "?limit=5&q=engine"):
        assert (await desk.ask("GET", f"/api/tickets{path}")).status == 200
    refused = await asyncio.gather(
        *(desk.ask(method, path, body, key=path) for method, path, body in every_other_change(number, desk.agent))
    )
    assert [answer for answer in refused if not answer.asks_to_wait] == []
    assert still((await desk.ask("GET", f"/api/tickets/{number}")).body) == still(before.body)
    assert await desk.bodies(number) == [""]

    await desk.engine.on()
    for each in opened:
        await desk.runs(each)
    await desk.is_ready()
    replies = f"/api/tickets/{number}/replies"
    for _ in range(2):
        await eventually(
            "the refused reply to be taken",
            lambda: desk.ask("POST", replies, {"body": "Which printer?"}, key=replies),
            lambda answer: answer.status == 201,
        )
    assert await desk.bodies(number) == ["", "Which printer?"]


async def test_an_engine_that_hangs_counts_as_down_and_does_nothing_twice(desk: Desk) -> None:
    number = await desk.running()
    with frozen(desk.engine.pid):
        assert (await desk.ask("POST", f"/api/tickets/{number}/replies", {"body": "Hm."}, key="hung")).asks_to_wait
        await desk.open()
        assert (await desk.unready())["engine"]["ok"] is False

    await desk.is_ready()
    await eventually(
        "the reply to be taken",
        lambda: desk.ask("POST", f"/api/tickets/{number}/replies", {"body": "Hm."}, key="hung"),
        lambda answer: answer.status == 201,
    )
    assert (await desk.bodies(number)).count("Hm.") == 1
    await agrees(desk, number, (await desk.row(number)).revision)


async def test_a_worker_that_hangs_makes_a_change_pending_until_it_goes_on(desk: Desk) -> None:
    number = await desk.running()
    escalate = f"/api/tickets/{number}/escalate"
    with frozen(await desk.stack.pid("worker")):
        pending = await desk.ask("POST", escalate, {}, key="slow")
        assert pending.status == 202
        assert pending.body["location"] == pending.headers["Location"]
        assert (await desk.ask("GET", pending.headers["Location"])).body["status"] == "unknown"

    await eventually(
        "the pending command to be done",
        lambda: desk.ask("GET", pending.headers["Location"]),
        lambda answer: answer.body["status"] == "done",
    )
    repeated = await desk.ask("POST", escalate, {}, key="slow")
    assert (repeated.status, repeated.body["escalation_level"]) == (200, 1)
    await agrees(desk, number, (await desk.row(number)).revision)


async def test_without_the_database_all_wait_and_what_was_under_way_is_done_when_it_is_back(desk: Desk) -> None:
    number = await desk.running()
    pids = [await desk.stack.pid(part) for part in ("api", "worker")]
    await desk.postgres.off()

    told = await desk.unready()
    assert told["status"] == "down"
    assert "PostgreSQL" in told["database"]["reason"]
    requests: list[tuple[str, str, Json | None]] = [
        ("GET", f"/api/tickets/{number}", None),
        ("GET", "/api/tickets", None),
        ("GET", f"/api/tickets/{number}/timeline", None),
        ("GET", "/api/events", None),
        ("POST", "/api/tickets", {"title": "Nobody hears this"}),
        ("POST", "/api/auth/login", {"email": "agent@example.com", "password": "wrong"}),
        *every_other_change(number, desk.agent),
    ]
    answers = await asyncio.gather(*(desk.ask(*request) for request in requests))
    assert [answer for answer in answers if not answer.asks_to_wait] == []
    assert (await desk.ask("GET", "/health/live")).status == 200
    engine = await connect(desk.env["TEMPORAL_ADDRESS"], "default")
    await engine.get_workflow_handle(workflow_id(TicketNumber(number))).signal("submit", {"type": "escalate"})

    await desk.postgres.on()
    await desk.is_ready()
    await eventually(
        "the signal to take effect",
        lambda: desk.row(number),
        lambda row: (row.revision, row.escalation_level) == (2, 1),
    )
    await agrees(desk, number, 2)
    await desk.running()
    assert [await desk.stack.pid(part) for part in ("api", "worker")] == pids


async def test_a_lost_engine_store_is_rebuilt_from_the_database(desk: Desk) -> None:
    numbers = [await desk.running() for _ in range(3)]
    await desk.ask("POST", f"/api/tickets/{numbers[0]}/replies", {"body": "Before the loss"}, key="before")
    await desk.engine.off()
    for file in desk.engine_store.parent.glob(f"{desk.engine_store.name}*"):
        file.unlink()
    await desk.engine.on()
    await desk.is_ready()
    assert [await desk.state(number) for number in numbers] == [None, None, None]

    # A change starts what it needs.
    resolved = await eventually(
        "a change to be taken",
        lambda: desk.ask("POST", f"/api/tickets/{numbers[0]}/status", {"status": "resolved"}, key="after"),
        lambda answer: answer.status not in {202, 503},
    )
    assert (resolved.status, resolved.body["status"]) == (200, "resolved")
    # Reconciliation starts the rest.
    code, said = await run_module("operations.reconcile", "--dry-run", env=desk.env)
    assert code == 1, said
    code, said = await run_module("operations.reconcile", env=desk.env)
    assert code == 0, said
    assert f"Ticket {numbers[1]} has no running workflow; it was started." in said
    code, said = await run_module("operations.reconcile", "--dry-run", env=desk.env)
    assert (code, "Engine and database agree." in said) == (0, True), said
    for number in numbers:
        assert await desk.state(number) == await desk.row(number)
        assert (await desk.ask("POST", f"/api/tickets/{number}/replies", {"body": "After the loss"})).status == 201
    # What was done before the loss is known after it.
    again = await desk.ask("POST", f"/api/tickets/{numbers[0]}/replies", {"body": "Before the loss"}, key="before")
    assert again.status == 201
    assert (await desk.bodies(numbers[0])).count("Before the loss") == 1


async def store_unheard(desk: Desk, number: int, key: str, command: TicketCommand, path: str, body: Json) -> None:
    """What a worker leaves that is killed right after it stored the agent's change: nobody but the database knows."""
    person, store = PersonId(UUID(desk.agent.id)), TicketStore(desk.pool)
    method = "PATCH" if isinstance(command, EditTicket) else "POST"
    envelope = CommandEnvelope(
        id=command_id_for_key(person, key),
        actor=Actor.person(person, Role.AGENT),
        command=command,
        fingerprint=hashlib.sha256(f"{method} {path}\n{json.dumps(body)}".encode()).hexdigest(),
    )
    await store.record(decide(await desk.row(number), envelope, datetime.now(UTC)))


async def agrees(desk: Desk, number: int, revision: int) -> None:
    """The row has the revision, and the workflow holds what the row has as soon as it has heard of the commit."""
    row = await desk.row(number)
    assert row.revision == revision
    await eventually("workflow and row to agree", lambda: desk.state(number), lambda state: state == row)


async def test_a_change_that_was_stored_unheard_and_is_illegal_by_now_is_answered_as_done(desk: Desk) -> None:
    number = await desk.running()
    assert (await desk.ask("POST", f"/api/tickets/{number}/snooze", {})).status == 200
    path = f"/api/tickets/{number}/wake"
    await store_unheard(desk, number, "wake", WakeTicket(), path, {})

    assert (await desk.ask("POST", path, {}, key="wake")).status == 200
    await agrees(desk, number, 3)
    assert (await desk.ask("POST", path, {}, key="another")).status == 409


async def test_a_change_that_was_stored_unheard_is_answered_with_its_own_moment(desk: Desk) -> None:
    number = await desk.running()
    path, body = f"/api/tickets/{number}/replies", {"body": "Stored unheard"}
    person, text = PersonId(UUID(desk.agent.id)), TextId(uuid4())
    await TicketStore(desk.pool).add_text(text, TicketNumber(number), person, None, body["body"])
    await store_unheard(desk, number, "reply", AddReply(text_id=text), path, body)

    assert (await desk.ask("POST", path, body, key="reply")).status == 201
    await agrees(desk, number, (await desk.row(number)).revision)
    assert (await desk.bodies(number)).count("Stored unheard") == 1


async def test_whoever_comes_after_a_change_that_was_stored_unheard_is_not_refused_for_it(desk: Desk) -> None:
    number = await desk.running()
    person, text = PersonId(UUID(desk.agent.id)), TextId(uuid4())
    await TicketStore(desk.pool).add_text(text, TicketNumber(number), person, "Stored unheard", "")
    row = await desk.row(number)
    command = EditTicket(wording_id=text, previous_wording_id=row.wording_id)
    await store_unheard(desk, number, "retitle", command, f"/api/tickets/{number}", {"title": "Stored unheard"})

    later = await desk.ask("PATCH", f"/api/tickets/{number}", {"title": "By somebody else"})
    assert (later.status, later.body.get("title")) == (200, "By somebody else")
    await agrees(desk, number, 3)
