"""Rollouts on the real engine and the real database: previewed, applied exactly so, and taken back."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import uuid4

import pytest
from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

from activities.sla_rollouts import RolloutActivities
from database.idempotency import RequestKey
from database.pool import Pool
from database.sla_rollouts import RolloutRecord, RolloutStore, RolloutTicket
from database.sla_terms import SlaTermsStore
from domain.errors import PreviewOutdatedError, RolloutStateError
from domain.ids import CommandId, TicketNumber
from domain.lifecycle import opened
from domain.sla_clock import Clock, Target, TicketSla
from domain.sla_keeping import begin
from domain.sla_ladder import Ladder, LadderStep, RaiseLevel
from domain.sla_policy import Goal, Goals, SlaPolicy, first_match
from domain.ticket import Priority, Status, Ticket
from domain.ticket_commands import AddReply, ChangeStatus, CommandEnvelope, Receipt
from domain.ticket_events import TicketOpened
from domain.ticket_timers import pending_moments
from stack.postgres import Postgres
from tests import factories
from tests.workflows.engine_desk import EngineDesk, add_text, desk_pool, eventually, own_database
from worker import build_worker, sandbox
from workflows.client import EngineUnavailableError
from workflows.sla_rollout import RolloutWorkflow
from workflows.sla_rollout_client import RolloutClient
from workflows.ticket_client import TicketClient

MINUTE = timedelta(minutes=1)
STANDARD = 2
"""The id of the shipped policy that fits most tickets."""


class RollingDesk(NamedTuple):
    """A desk of its own: a rollout concerns every open ticket of a database."""

    engine: EngineDesk
    rollouts: RolloutStore
    rolling: RolloutClient

    async def open(self, priority: Priority = Priority.NORMAL, ago: timedelta = timedelta()) -> Ticket:
        """A ticket on the policy that is on offer, whose workflow runs and has done what was due."""
        desk, at = self.engine, datetime.now(UTC) - ago
        opening = factories.opening_change(await desk.store.next_number(), at=at, priority=priority, team="support")
        event = opening.events[0]
        assert isinstance(event, TicketOpened)
        terms = SlaTermsStore(desk.pool)
        offer = await terms.offer_to(event.requester_id)
        new = opened(opening.number, event, at)
        sla = begin(new, first_match(offer.terms, new, offer.tier), terms.zone_data)
        opening = opening.model_copy(update={"events": (event.model_copy(update={"sla": sla}),)})
        await desk.store.open(opening, factories.wording(opening))
        ticket = await desk.row(opening.number)
        await desk.tickets.start(ticket)

        async def waits() -> bool:
            moments = pending_moments(await desk.row(ticket.number))
            return not moments or moments[0].at > datetime.now(UTC)

        await eventually(waits, bool)
        return await desk.row(ticket.number)

    async def previewed(self, policy: SlaPolicy, *, moves_ladders: bool = False) -> RolloutRecord:
        """The preview of a draft of the standard policy."""
        version = await new_version(self.engine.pool, policy)
        id = await self.rollouts.add(
            factories.author(factories.ADMIN), datetime.now(UTC), RequestKey(CommandId(uuid4()), ""),
            policy_version=version, is_draft=True, moves_ladders=moves_ladders,
        )  # fmt: skip
        await self.rolling.start(id)
        return await self.becomes(id, "previewed")

    async def becomes(self, id: int, status: str) -> RolloutRecord:
        return await eventually(lambda: self.rollouts.read(id), lambda record: record.status == status)

    async def applied(self, id: int) -> RolloutRecord:
        await self.rolling.tell(id, "apply", factories.ADMIN)
        return await self.becomes(id, "applied")

    async def undone(self, id: int) -> RolloutRecord:
        await self.rolling.tell(id, "undo", factories.ADMIN)
        return await self.becomes(id, "undone")

    async def part(self, id: int, ticket: Ticket) -> RolloutTicket:
        (found,) = [one for one in await self.rollouts.tickets(id, TicketNumber(0), 1000)
                    if one.planned.number == ticket.number]  # fmt: skip
        return found

    async def clocks(self, ticket: Ticket) -> TicketSla:
        sla = (await self.engine.row(ticket.number)).sla
        assert sla is not None
        return sla

    async def clock(self, ticket: Ticket, target: Target = "resolution") -> Clock:
        clock = (await self.clocks(ticket)).clock("customer", target)
        assert clock is not None
        return clock


async def new_version(pool: Pool, policy: SlaPolicy, *, is_offered: bool = False) -> int:
    """Another version of the standard policy."""
    id: int = await pool.fetchval(
        "insert into sla_policy_versions (policy_id, version, calendar_id, policy, is_offered) "
        "select policy_id, max(version) + 1, max(calendar_id), $2, $3 from sla_policy_versions where policy_id = $1 "
        "group by policy_id returning id",
        STANDARD,
        policy.model_dump_json(),
        is_offered,
    )
    return id


def promise(answer: int, end: int, **changes: object) -> SlaPolicy:
    """So many minutes for the answer and for the end of the work, whatever the priority."""
    goals = Goals(first_response=Goal(minutes=answer), resolution=Goal(minutes=end))
    return SlaPolicy.model_validate({"goals": dict.fromkeys(Priority, goals), **changes})


@pytest.fixture(scope="module")
async def own_pool(postgres: Postgres, template_database: str) -> AsyncIterator[Pool]:
    async with own_database(postgres.dsn("postgres"), template_database, postgres.dsn) as dsn, desk_pool(dsn) as pool:
        # The engine is shared by all tests; a number of its own keeps a rollout's workflow apart from others.
        await pool.execute(f"alter table sla_rollouts alter column id restart with {uuid4().int % 2**30 + 1}")
        yield pool


@pytest.fixture
async def desk(engine: Client, own_pool: Pool) -> AsyncIterator[RollingDesk]:
    """Without open tickets, with its worker."""
    await own_pool.execute("update tickets set status = 'closed', closed_at = now() where status <> 'closed'")
    queue = f"rollouts-{uuid4()}"
    async with build_worker(engine, own_pool, task_queue=queue):
        yield RollingDesk(EngineDesk(engine, own_pool, queue), RolloutStore(own_pool), RolloutClient(engine, 30, queue))


async def test_what_is_applied_is_exactly_what_the_preview_showed(desk: RollingDesk) -> None:
    tickets = [await desk.open(priority) for priority in (Priority.NORMAL, Priority.URGENT, Priority.LOW)]

    preview = await desk.previewed(promise(30, 2000))
    before = [await desk.clocks(ticket) for ticket in tickets]
    record = await desk.applied(preview.rollout.id)

    assert (preview.counts["tickets"], preview.counts["moved"], preview.counts["overdue"]) == (3, 3, 0)
    assert (record.counts["applied"], record.counts["changed"]) == (3, 0)
    for ticket, sla in zip(tickets, before, strict=True):
        plan = (await desk.part(record.rollout.id, ticket)).planned
        assert sla == plan.before, "a preview changes nothing"
        assert await desk.clocks(ticket) == plan.after
        assert (await desk.clock(ticket)).due_at == ticket.created_at + timedelta(minutes=2000)
        assert await desk.engine.state(ticket) == await desk.engine.row(ticket.number)


async def test_a_target_that_the_new_goal_has_past_is_shown_and_then_breached_as_of_the_rollout(
    desk: RollingDesk,
) -> None:
    ticket = await desk.open(ago=10 * MINUTE)

    preview = await desk.previewed(promise(5, 2000))
    await desk.applied(preview.rollout.id)

    assert preview.counts["overdue"] == 1
    broken = await eventually(lambda: desk.clock(ticket, "first_response"), lambda clock: clock.breached_at is not None)
    assert broken.breached_at == preview.rollout.at, "before it, more time was promised"


async def test_a_rollout_is_undone_as_if_it_had_not_been(desk: RollingDesk) -> None:
    ticket = await desk.open()
    before = await desk.clocks(ticket)

    preview = await desk.previewed(promise(30, 2000, carry="restart"))
    await desk.applied(preview.rollout.id)
    record = await desk.undone(preview.rollout.id)

    after = await desk.clocks(ticket)
    assert record.counts["restored"] == 1
    assert [clock.due_at for clock in after.clocks] == [clock.due_at for clock in before.clocks]
    assert [clock.warnings for clock in after.clocks] == [clock.warnings for clock in before.clocks]
    assert (after.policy_version, after.ladder) == (before.policy_version, before.ladder)
    assert all(clock.used == clock.since - clock.started_at for clock in after.clocks), "no time is lost"
    assert await desk.engine.state(ticket) == await desk.engine.row(ticket.number)


async def test_a_draft_is_on_offer_from_its_application_to_its_undoing(desk: RollingDesk) -> None:
    preview = await desk.previewed(promise(31, 2001))
    draft = preview.rollout.policy_version

    early = await desk.open()
    await desk.applied(preview.rollout.id)
    during = await desk.open()
    await desk.undone(preview.rollout.id)
    late = await desk.open()

    versions = [(await desk.clocks(ticket)).policy_version for ticket in (early, during, late)]
    assert versions == [versions[0], draft, versions[0]] != [draft] * 3


async def test_a_ticket_that_was_changed_meanwhile_takes_the_terms_as_of_its_change_and_is_told_apart(
    desk: RollingDesk,
) -> None:
    ticket, other, finished = [await desk.open() for _ in range(3)]
    preview = await desk.previewed(promise(30, 2000))
    reply = AddReply(text_id=await add_text(desk.engine.pool, ticket))
    await desk.engine.send(ticket, reply, at=datetime.now(UTC))
    await desk.engine.send(finished, ChangeStatus(status=Status.RESOLVED), at=datetime.now(UTC))

    record = await desk.applied(preview.rollout.id)

    parts = [await desk.part(record.rollout.id, one) for one in (ticket, other, finished)]
    assert [part.outcome for part in parts] == ["changed", "applied", "finished"]
    assert (await desk.clock(ticket, "first_response")).state == "met"
    assert (await desk.clock(ticket)).due_at == ticket.created_at + timedelta(minutes=2000)


async def test_what_was_changed_since_keeps_its_time_when_a_rollout_is_undone(desk: RollingDesk) -> None:
    ticket = await desk.open()
    before = await desk.clock(ticket)
    preview = await desk.previewed(promise(30, 2000))
    await desk.applied(preview.rollout.id)
    reply = AddReply(text_id=await add_text(desk.engine.pool, ticket))
    await desk.engine.send(ticket, reply, at=datetime.now(UTC))

    record = await desk.undone(preview.rollout.id)

    assert (record.counts["restored"], record.counts["carried"]) == (0, 1)
    assert (await desk.clock(ticket)).due_at == before.due_at


async def test_a_running_ladder_goes_on_as_it_began_unless_it_is_asked_to_move(desk: RollingDesk) -> None:
    one_step = Ladder(steps=(LadderStep(after_minutes=120, since="start", actions=(RaiseLevel(level=1),)),))
    await new_version(desk.engine.pool, promise(240, 720, ladders={Priority.NORMAL: one_step}), is_offered=True)
    ticket, fresh = await desk.open(ago=130 * MINUTE), await desk.open()
    began = await desk.clocks(ticket)
    assert began.ladder is not None
    assert began.ladder.ended == "at_its_end", "its only step was due after 120 minutes"
    steps = [LadderStep(after_minutes=after, since="start", actions=(RaiseLevel(level=2),)) for after in (77, 177)]
    policy = promise(240, 720, ladders={Priority.NORMAL: Ladder(steps=tuple(steps))})

    stays = await desk.previewed(policy)
    moves = await desk.previewed(policy, moves_ladders=True)

    kept, moved = [(await desk.part(one.rollout.id, ticket)).planned.after.ladder for one in (stays, moves)]
    assert kept == began.ladder
    assert moved is not None
    assert (moved.step, moved.next_at) == (1, ticket.created_at + 177 * MINUTE)
    for preview in (stays, moves):
        first = (await desk.part(preview.rollout.id, fresh)).planned.after.ladder
        assert first is not None
        assert first.next_at == fresh.created_at + 77 * MINUTE, "it took no step yet: the new one counts"


class HaltingCommands:
    """Reaches tickets until it has reached a few; then their engine does not answer any more.

    It has halted when the next attempt is five seconds away: what the engine hands to a worker that is just leaving is
    lost until its time is up.
    """

    def __init__(self, tickets: TicketClient, reached: int) -> None:
        self._tickets = tickets
        self._left = reached
        self.has_halted = asyncio.Event()

    async def apply(self, ticket: Ticket, envelope: CommandEnvelope) -> Receipt:
        if not self._left:
            if activity.info().attempt >= 6:
                self.has_halted.set()
            raise EngineUnavailableError("it is away")
        self._left -= 1
        return await self._tickets.apply(ticket, envelope)


@pytest.mark.timeout(400)  # a page that a leaving worker takes with it is begun anew after half a minute, each time
async def test_a_rollout_goes_on_where_it_was_when_its_worker_has_died(
    engine: Client, own_pool: Pool, desk: RollingDesk
) -> None:
    tickets = [await desk.open() for _ in range(7)]
    store, queue = desk.engine.store, f"dying-{uuid4()}"
    dying = desk._replace(rolling=RolloutClient(engine, 30, queue))
    commands = HaltingCommands(desk.engine.tickets, reached=3)
    steps = RolloutActivities(desk.rollouts, SlaTermsStore(own_pool), store, commands).steps
    async with Worker(engine, task_queue=queue, workflows=[RolloutWorkflow], activities=steps):
        preview = await dying.previewed(promise(30, 2000))
        await dying.rolling.tell(preview.rollout.id, "apply", factories.ADMIN)
        await commands.has_halted.wait()
    midway = await desk.rollouts.read(preview.rollout.id)

    steps = RolloutActivities(desk.rollouts, SlaTermsStore(own_pool), store, desk.engine.tickets).steps
    async with Worker(
        engine, task_queue=queue, workflows=[RolloutWorkflow], activities=steps, workflow_runner=sandbox()
    ):
        record = await desk.becomes(preview.rollout.id, "applied")

    assert midway.counts["applied"] <= 3
    assert (record.counts["applied"], record.counts["changed"]) == (7, 0)
    for ticket in tickets:
        types = [type for _, type in await desk.engine.timeline(ticket)]
        assert types.count("ticket.terms_taken") == 1


async def test_asking_twice_for_an_application_is_harmless(desk: RollingDesk) -> None:
    ticket = await desk.open()
    preview = await desk.previewed(promise(30, 2000))

    await desk.rolling.tell(preview.rollout.id, "apply", factories.ADMIN)
    await desk.rolling.tell(preview.rollout.id, "apply", factories.ADMIN)
    await desk.becomes(preview.rollout.id, "applied")

    assert [type for _, type in await desk.engine.timeline(ticket)].count("ticket.terms_taken") == 1


async def test_what_is_not_applied_cannot_be_undone(desk: RollingDesk) -> None:
    preview = await desk.previewed(promise(30, 2000))

    with pytest.raises(RolloutStateError):
        await desk.rolling.tell(preview.rollout.id, "undo", factories.ADMIN)


async def test_a_preview_is_not_applied_when_a_newer_version_is_on_offer(desk: RollingDesk) -> None:
    preview = await desk.previewed(promise(30, 2000))
    newer = await new_version(desk.engine.pool, promise(240, 720), is_offered=True)
    await desk.engine.pool.execute("update sla_edition set number = number + 1")

    with pytest.raises(PreviewOutdatedError):
        await desk.rolling.tell(preview.rollout.id, "apply", factories.ADMIN)

    assert newer > (preview.rollout.policy_version or 0)


async def test_a_preview_is_not_applied_when_it_is_old(desk: RollingDesk) -> None:
    preview = await desk.previewed(promise(30, 2000))
    await desk.engine.pool.execute(
        "update sla_rollouts set created_at = created_at - interval '1 day' where id = $1", preview.rollout.id
    )

    with pytest.raises(PreviewOutdatedError):
        await desk.rolling.tell(preview.rollout.id, "apply", factories.ADMIN)
