"""What the engine is given is encrypted, bound to its workflow, and read by whoever has the keys."""

import ast
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionExecutionStartWorkflow,
    ScheduleActionStartWorkflow,
    ScheduleSpec,
    WithStartWorkflowOperation,
    WorkflowExecutionStatus,
    WorkflowUpdateFailedError,
)
from temporalio.common import RawValue, WorkflowIDConflictPolicy
from temporalio.converter import WorkflowSerializationContext
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, Worker

from database.pool import Pool
from domain.errors import TicketResolvedError
from domain.ticket import Priority, Status
from domain.ticket_commands import AddReply, ChangeStatus, EditTicket, EscalateTicket
from settings import ROOT
from tests import factories
from tests.workflows.engine_desk import EngineDesk, add_text, eventually, raw
from tests.workflows.payload_rings import NEW, OLD, codec, payloads_in
from tests.workflows.secretive_workflow import SECRET, Child, Secretive, echo, fail
from worker import build_worker, sandbox
from workflows.client import WedgedWorkflowError, connect
from workflows.encryption import ENCODING, Encryption, PayloadError
from workflows.guard import Guard
from workflows.payloads import data_converter
from workflows.ticket import TicketWorkflow
from workflows.ticket_client import workflow_id


def of(encryption: Encryption, workflow: str) -> Encryption:
    return encryption.with_context(WorkflowSerializationContext("default", workflow))


async def encrypted(encryption: Encryption, payload: Payload) -> Payload:
    (sealed,) = await encryption.encode([payload])
    return sealed


async def decrypted(encryption: Encryption, payload: Payload) -> Payload:
    (opened,) = await encryption.decode([payload])
    return opened


def changed(payload: Payload, *, data: bytes | None = None, **metadata: bytes) -> Payload:
    return Payload(metadata={**payload.metadata, **metadata}, data=payload.data if data is None else data)


async def test_what_was_encrypted_is_read_again_and_says_nothing_meanwhile() -> None:
    payload = raw(SECRET.encode())

    sealed = await encrypted(of(codec(NEW), "ticket-7"), payload)

    assert sealed.metadata == {"encoding": ENCODING, "kid": NEW.encode(), "workflow": b"ticket-7"}
    assert SECRET.encode() not in sealed.SerializeToString()
    assert await decrypted(of(codec(NEW), "ticket-7"), sealed) == payload


async def test_no_two_encryptions_are_alike() -> None:
    sealed = [(await encrypted(codec(NEW), raw(b"the same"))).data for _ in range(100)]
    assert len({data[:12] for data in sealed}) == len(set(sealed)) == 100


async def test_what_is_not_encrypted_passes_as_it_is() -> None:
    assert await decrypted(of(codec(NEW), "ticket-7"), raw(b'"plain"')) == raw(b'"plain"')


async def test_a_ring_reads_what_its_older_keys_encrypted() -> None:
    sealed = await encrypted(codec(OLD), raw(b"of old"))

    assert await decrypted(codec(OLD, NEW), sealed) == raw(b"of old")
    assert (await encrypted(codec(OLD, NEW), raw(b"of now"))).metadata["kid"] == NEW.encode()


async def test_a_key_that_is_not_in_the_ring_is_named() -> None:
    sealed = await encrypted(codec(OLD), raw(b"of old"))

    with pytest.raises(PayloadError, match=f"'{OLD}', which is not in the ring"):
        await decrypted(codec(NEW), sealed)


async def test_whatever_is_changed_of_a_payload_is_refused() -> None:
    sealed = await encrypted(of(codec(OLD, NEW), "ticket-7"), raw(b"as it was"))
    flipped = [
        bytes([*sealed.data[:at], sealed.data[at] ^ 1, *sealed.data[at + 1 :]]) for at in range(len(sealed.data))
    ]
    versions = [
        *(changed(sealed, data=data) for data in flipped),
        *(changed(sealed, data=sealed.data[:length]) for length in range(len(sealed.data))),
        changed(sealed, kid=OLD.encode()),
        changed(sealed, workflow=b"ticket-8"),
        changed(sealed, workflow=b""),
    ]

    for version in versions:
        with pytest.raises(PayloadError):
            await decrypted(codec(OLD, NEW), version)


async def test_a_payload_of_another_workflow_is_refused() -> None:
    sealed = await encrypted(of(codec(NEW), "ticket-7"), raw(b"mine"))

    for other in ("ticket-8", "ticket-70", "ticket-7-2026", "ticket"):
        with pytest.raises(PayloadError, match=f"of workflow ticket-7 was put into {other}"):
            await decrypted(of(codec(NEW), other), sealed)
    assert await decrypted(of(codec(NEW), "ticket-7-2026-11-26T02:17:00Z"), sealed) == raw(b"mine"), "its schedule's"
    assert await decrypted(codec(NEW), sealed) == raw(b"mine"), "who knows no workflow reads by what it says"


def calls_of_connect() -> Iterator[tuple[str, ast.Call]]:
    """Where the product connects to the engine, but for its tests and the bench's floor, which is no part of it."""
    for folder in ("api", "operations", "stack", "workflows", "worker.py"):
        found = ROOT / folder
        for file in [found] if found.is_file() else found.rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "connect":
                    yield str(file.relative_to(ROOT)), node


def test_whoever_connects_to_the_engine_brings_the_keys() -> None:
    calls = list(calls_of_connect())
    assert {"worker.py", "api/app.py", "operations/reconcile.py"} <= {file for file, _ in calls}
    given = {file: {one.arg: ast.unparse(one.value) for one in call.keywords} for file, call in calls}
    assert {file: names for file, names in given.items() if names.get("encryption", "None") == "None"} == {}


@pytest.fixture
def stranger(temporal_env: WorkflowEnvironment) -> Client:
    """A client without a key."""
    return temporal_env.client


async def connected(stranger: Client, encryption: Encryption) -> Client:
    """The product's own client, with these keys."""
    return await connect(stranger.service_client.config.target_host, stranger.namespace, encryption=encryption)


@pytest.fixture
async def keeper(stranger: Client) -> Client:
    return await connected(stranger, codec(NEW))


@pytest.fixture
async def queue(keeper: Client) -> AsyncIterator[str]:
    """Where the secretive workflow runs."""
    name = f"secretive-{uuid4().hex}"
    async with Worker(
        keeper, task_queue=name, workflows=[Secretive, Child], activities=[echo, fail], workflow_runner=sandbox()
    ):
        yield name


async def workflows_named(stranger: Client, id: str, run_id: str | None = None) -> Counter[str]:
    """Of which workflows a run's history has payloads, and how many. All are encrypted, but for the SDK's own notes on
    local activities (number, attempt, times), and nothing in it tells the secret."""
    history = await stranger.get_workflow_handle(id, run_id=run_id).fetch_history()
    assert SECRET.encode() not in b"".join(event.SerializeToString() for event in history.events)
    found = [payload for event in history.events for payload in payloads_in(event)]
    clear = [json.loads(one.data) for one in found if one.metadata["encoding"] != ENCODING]
    assert all({"seq", "attempt", "activity_type"} <= note.keys() for note in clear), clear
    return Counter(one.metadata["workflow"].decode() for one in found if one.metadata["encoding"] == ENCODING)


async def test_every_way_into_a_history_is_encrypted_and_read(stranger: Client, keeper: Client, queue: str) -> None:
    id = f"secretive-{uuid4().hex}"
    start = WithStartWorkflowOperation(
        Secretive.run, args=[SECRET, 0], id=id, task_queue=queue, memo={"who": SECRET}, static_summary=SECRET,
        static_details=SECRET, id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
    )  # fmt: skip
    answer = await keeper.execute_update_with_start_workflow(Secretive.ask, SECRET, start_workflow_operation=start)
    first = await start.workflow_handle()
    handle = keeper.get_workflow_handle(id)
    refused = None
    try:
        await handle.execute_update(Secretive.ask, "refuse")
    except WorkflowUpdateFailedError as error:
        refused = error.cause
    await handle.signal(Secretive.tell, SECRET)
    await eventually(
        lambda: stranger.get_workflow_handle(id, run_id=first.first_execution_run_id).describe(),
        lambda found: found.status is WorkflowExecutionStatus.CONTINUED_AS_NEW,
    )
    await handle.signal(Secretive.tell, SECRET)
    told = await handle.result()

    assert answer == f"activity says {SECRET}"
    assert isinstance(refused, ApplicationError)
    assert (refused.message, refused.type) == (f"will not say {SECRET}", "refused")
    assert sorted(told) == sorted(
        [f"activity says {SECRET}"] * 2
        + [f"child says {SECRET}", f"failed: activity cannot: {SECRET}", f"signal: {SECRET}"]
    )
    described = await handle.describe()
    assert await described.memo() == {"who": SECRET, "latest": SECRET}
    begun = await keeper.get_workflow_handle(id, run_id=first.first_execution_run_id).describe()
    assert (await begun.static_summary(), await begun.static_details()) == (SECRET, SECRET)
    assert await handle.query(Secretive.told) == told

    runs = [first.first_execution_run_id, described.run_id]
    for run in runs:
        named = await workflows_named(stranger, id, run)
        (child,) = named.keys() - {id}
        assert (named[child], named[id] > 10) == (2, True), "its input and its result"
    listed = [one async for one in stranger.list_workflows(f"WorkflowId = '{id}'")]
    assert SECRET.encode() not in b"".join(one.raw_info.SerializeToString() for one in listed)
    replayer = Replayer(
        workflows=[Secretive, Child], data_converter=data_converter(codec(NEW)), workflow_runner=sandbox()
    )
    for run in runs:
        await replayer.replay_workflow(await keeper.get_workflow_handle(id, run_id=run).fetch_history())


async def test_a_schedule_starts_what_its_id_was_bound_to(stranger: Client, keeper: Client, queue: str) -> None:
    id = f"nightly-{uuid4().hex}"
    action = ScheduleActionStartWorkflow(
        Child.run, SECRET, id=id, task_queue=queue, memo={"who": SECRET}, static_summary=SECRET
    )
    schedule = await keeper.create_schedule(id, Schedule(action=action, spec=ScheduleSpec()), trigger_immediately=True)
    described = await eventually(schedule.describe, lambda found: bool(found.info.recent_actions))
    started = described.info.recent_actions[0].action
    assert isinstance(started, ScheduleActionExecutionStartWorkflow)

    assert await keeper.get_workflow_handle(started.workflow_id).result() == f"child says {SECRET}"
    assert started.workflow_id != id
    assert (await workflows_named(stranger, started.workflow_id)).keys() == {id, started.workflow_id}
    await schedule.delete()


async def test_a_ticket_goes_on_under_a_new_key_and_its_history_tells_no_command(stranger: Client, pool: Pool) -> None:
    queue = f"rotated-{uuid4().hex}"
    before = await connected(stranger, codec(OLD))
    async with build_worker(before, pool, task_queue=queue):
        desk = EngineDesk(before, pool, queue)
        ticket = await desk.running()
        first = factories.envelope(EscalateTicket(), fingerprint="first")
        receipt = await desk.tickets.apply(ticket, first)

    after = await connected(stranger, codec(OLD, NEW))
    async with build_worker(after, pool, task_queue=queue):
        desk = EngineDesk(after, pool, queue)
        text = await add_text(pool, ticket)
        assert await desk.tickets.apply(ticket, first) == receipt
        await desk.send(ticket, AddReply(text_id=text))
        await desk.send(ticket, EditTicket(priority=Priority.HIGH, tags=("planted-tag",)))
        await desk.handle(ticket).signal("submit", {"type": "escalate", "level": 3})
        row = await eventually(lambda: desk.row(ticket.number), lambda row: row.escalation_level == 3)
        assert await desk.state(ticket) == row
        await desk.send(ticket, ChangeStatus(status=Status.RESOLVED))
        with pytest.raises(TicketResolvedError) as refused:
            await desk.send(ticket, EscalateTicket())

    raw_history = await stranger.get_workflow_handle(workflow_id(ticket.number)).fetch_history()
    scanned = b"".join(event.SerializeToString() for event in raw_history.events)
    for word in (
        "planted-tag",
        str(text),
        str(factories.AGENT),
        "escalate",
        "fingerprint",
        "revision",
        refused.value.detail,
    ):
        assert word.encode() not in scanned, word
    sealed = [one for event in raw_history.events for one in payloads_in(event) if one.metadata["encoding"] == ENCODING]
    assert {one.metadata["kid"].decode() for one in sealed} == {OLD, NEW}
    replayer = Replayer(
        workflows=[TicketWorkflow],
        data_converter=data_converter(codec(OLD, NEW)),
        interceptors=[Guard()],
        workflow_runner=sandbox(),
    )
    await replayer.replay_workflow(raw_history)


async def test_a_plain_signal_is_done(stranger: Client, pool: Pool) -> None:
    queue = f"plain-{uuid4().hex}"
    keeper = await connected(stranger, codec(NEW))
    async with build_worker(keeper, pool, task_queue=queue):
        desk = EngineDesk(keeper, pool, queue)
        ticket = await desk.running()

        await stranger.get_workflow_handle(workflow_id(ticket.number)).signal("submit", {"type": "escalate"})

        await eventually(lambda: desk.row(ticket.number), lambda row: row.escalation_level == 1)


async def test_a_ticket_of_before_goes_on_encrypted(stranger: Client, pool: Pool, engine: Client) -> None:
    queue = f"of-before-{uuid4().hex}"
    async with build_worker(engine, pool, task_queue=queue):
        ticket = await EngineDesk(engine, pool, queue).running()
    keeper = await connected(stranger, codec(NEW))
    async with build_worker(keeper, pool, task_queue=queue):
        desk = EngineDesk(keeper, pool, queue)
        assert await desk.answers(ticket, factories.envelope(EscalateTicket()))


async def test_a_tampered_signal_does_not_wedge_its_ticket_for_ever(stranger: Client, pool: Pool) -> None:
    queue = f"tampered-{uuid4().hex}"
    keeper = await connected(stranger, codec(NEW))
    async with build_worker(keeper, pool, task_queue=queue):
        desk = EngineDesk(keeper, pool, queue)
        ticket = await desk.running()
        sealed = await encrypted(codec(NEW), raw(b'{"type": "escalate"}'))
        tampered = changed(sealed, data=sealed.data[:-1] + bytes([sealed.data[-1] ^ 1]))

        await stranger.get_workflow_handle(workflow_id(ticket.number)).signal("submit", RawValue(tampered))

        await eventually(lambda: desk.tickets.mend(ticket), lambda is_mended: is_mended)
        assert await desk.answers(ticket, factories.envelope(EscalateTicket()))
        assert (await desk.row(ticket.number)).escalation_level == 1


async def test_a_lost_key_costs_no_ticket(stranger: Client, pool: Pool) -> None:
    queue = f"lost-{uuid4().hex}"
    before = await connected(stranger, codec(OLD))
    async with build_worker(before, pool, task_queue=queue):
        desk = EngineDesk(before, pool, queue)
        ticket = await desk.running()
        await desk.send(ticket, EscalateTicket())
    after = await connected(stranger, codec(NEW))
    async with build_worker(after, pool, task_queue=queue):
        desk = EngineDesk(after, pool, queue)
        with pytest.raises(WedgedWorkflowError):  # by which `make reconcile` finds it
            await desk.tickets.state(ticket.number)

        await desk.tickets.begin_anew(ticket)

        assert await desk.answers(ticket, factories.envelope(EscalateTicket()))
        assert (await desk.row(ticket.number)).escalation_level == 2
