"""The dispatcher at work: the real engine, the real database, and tickets that are told by their own workflows."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from database.dispatch import DispatchStore
from database.pool import Pool
from database.shifts import ShiftStore
from database.sla_terms import SlaTermsStore
from domain.ids import PersonId
from domain.people import Actor, Role
from domain.ticket import Status, Ticket
from domain.ticket_commands import AcceptOffer, ChangeStatus, DeclineOffer
from tests.workflows.engine_desk import EngineDesk, eventually
from workflows.dispatch_client import DispatchClient, dispatcher_id


class Team(NamedTuple):
    """A team of two of its own, so that nobody else's tickets are in its way."""

    pool: Pool
    slug: str
    one: PersonId
    other: PersonId
    dispatchers: DispatchClient

    def by(self, person: PersonId) -> Actor:
        return Actor.person(person, Role.AGENT)

    async def is_there(self, *people: PersonId, tickets: float = 5) -> None:
        await self.pool.execute(
            "update agents set presence = 'online', capacity_tickets = $2 where person_id = any($1::uuid[])",
            list(people),
            tickets,
        )

    async def works(self, **settings: Any) -> None:
        for name, value in settings.items():
            await self.pool.execute(f"update teams set {name} = $2 where slug = $1", self.slug, value)  # noqa: S608  our own names

    async def looks(self) -> None:
        await self.dispatchers.look(self.slug)


@pytest.fixture
async def team(desk: EngineDesk) -> AsyncIterator[Team]:
    slug = f"team-{uuid4().hex[:8]}"
    one, other = sorted([PersonId(uuid4()), PersonId(uuid4())])
    await desk.pool.execute("insert into teams (slug, name) values ($1, $1)", slug)
    for person in (one, other):
        await desk.pool.execute(
            "insert into people (id, email, name, role, password_hash) values ($1, $2, $2, 'agent', '')",
            person,
            f"{person}@example.com",
        )
        await desk.pool.execute("insert into team_members (person_id, team) values ($1, $2)", person, slug)
    yield Team(desk.pool, slug, one, other, DispatchClient(desk.client, 30, desk.task_queue))
    await desk.client.get_workflow_handle(dispatcher_id(slug)).terminate()


async def owner_of(desk: EngineDesk, ticket: Ticket) -> PersonId | None:
    return (await desk.row(ticket.number)).assignee_id


async def test_a_waiting_ticket_goes_to_who_is_there(desk: EngineDesk, team: Team) -> None:
    await team.is_there(team.one)
    ticket = await desk.open(team=team.slug)

    await team.looks()

    await eventually(lambda: owner_of(desk, ticket), lambda owner: owner == team.one)
    assert await desk.timeline(ticket) == [(1, "ticket.opened"), (2, "ticket.assigned")]
    decided = await DispatchStore(desk.pool, ShiftStore(desk.pool), SlaTermsStore(desk.pool)).decision_of(ticket.number)
    assert decided is not None
    assert decided.chosen_id == team.one
    assert decided.counts == {"offline": 1}


async def test_nobody_gets_more_than_they_can_carry_and_a_freed_place_is_filled(desk: EngineDesk, team: Team) -> None:
    await team.is_there(team.one, tickets=1)
    first, second = await desk.open(team=team.slug), await desk.open(team=team.slug)
    await team.looks()
    await eventually(lambda: owner_of(desk, first), lambda owner: owner == team.one)
    assert await owner_of(desk, second) is None

    await desk.send(await desk.row(first.number), ChangeStatus(status=Status.RESOLVED), team.by(team.one))
    await team.looks()

    await eventually(lambda: owner_of(desk, second), lambda owner: owner == team.one)


async def test_an_offer_goes_to_the_next_when_it_is_declined(desk: EngineDesk, team: Team) -> None:
    await team.works(strategy="offer")
    await team.is_there(team.one)
    ticket = await desk.open(team=team.slug)
    await team.looks()
    offered = await eventually(lambda: desk.row(ticket.number), lambda row: row.offer is not None)
    assert offered.offer is not None
    assert offered.offer.to == (team.one,)

    await team.is_there(team.other)
    await desk.send(offered, DeclineOffer(), team.by(team.one))
    await team.looks()

    asked = await eventually(lambda: desk.row(ticket.number), lambda row: row.offer is not None)
    assert asked.offer is not None
    assert asked.offer.to == (team.other,)
    assert asked.passed_by == (team.one,)


async def test_who_accepts_an_offer_has_the_ticket(desk: EngineDesk, team: Team) -> None:
    await team.works(strategy="offer", offer_to=2)
    await team.is_there(team.one, team.other)
    ticket = await desk.open(team=team.slug)
    await team.looks()
    offered = await eventually(lambda: desk.row(ticket.number), lambda row: row.offer is not None)
    assert offered.offer is not None
    assert set(offered.offer.to) == {team.one, team.other}

    await desk.send(offered, AcceptOffer(), team.by(team.one))

    assert await owner_of(desk, ticket) == team.one


async def test_a_manual_team_is_left_to_itself(desk: EngineDesk, team: Team) -> None:
    await team.works(strategy="manual")
    await team.is_there(team.one)
    ticket = await desk.open(team=team.slug)

    await team.looks()

    report = await eventually(lambda: team.dispatchers.last_round(team.slug), lambda report: report is not None)
    assert report is not None
    assert (report.waiting, report.given) == (1, 0)
    assert await owner_of(desk, ticket) is None


async def test_what_a_silent_owner_has_comes_back_on_its_moment_and_goes_to_another(
    desk: EngineDesk, team: Team
) -> None:
    await team.works(take_back_minutes=1)
    await team.is_there(team.one)
    ticket = await desk.open(team=team.slug, at=datetime.now(UTC) - timedelta(minutes=5))
    await team.looks()
    await eventually(lambda: owner_of(desk, ticket), lambda owner: owner == team.one)
    report = await eventually(
        lambda: team.dispatchers.last_round(team.slug), lambda one: one is not None and one.next_at is not None
    )
    given = await desk.row(ticket.number)
    assert report is not None
    assert given.assigned_at is not None
    assert report.next_at == given.assigned_at + timedelta(minutes=1)

    await desk.pool.execute(
        "update tickets set assigned_at = assigned_at - interval '1 minute' where number = $1", ticket.number
    )
    await team.is_there(team.other)
    await team.looks()

    await eventually(lambda: owner_of(desk, ticket), lambda owner: owner == team.other)
    assert [type for _, type in await desk.timeline(ticket)] == [
        "ticket.opened",
        "ticket.assigned",
        "ticket.unassigned",
        "ticket.assigned",
    ]


async def test_at_the_end_of_a_shift_what_cannot_wait_goes_back(desk: EngineDesk, team: Team) -> None:
    now = datetime.now(UTC)
    await team.is_there(team.one)
    urgent = await desk.open(team=team.slug, due_at=now + timedelta(hours=1))
    patient = await desk.open(team=team.slug, due_at=now + timedelta(days=2))
    await team.looks()
    for ticket in (urgent, patient):
        await eventually(lambda ticket=ticket: owner_of(desk, ticket), lambda owner: owner == team.one)  # type: ignore[misc]

    for begins, ends in ((-8, 0), (16, 24)):
        await desk.pool.execute(
            "insert into shifts (agent_id, team, starts_at, ends_at, status) values ($1, $4, $2, $3, 'published')",
            team.one,
            now + timedelta(hours=begins),
            now + timedelta(hours=ends),
            team.slug,
        )
    await desk.pool.execute("update agents set presence = 'offline' where person_id = $1", team.one)
    await team.looks()

    await eventually(lambda: owner_of(desk, urgent), lambda owner: owner is None)
    assert await owner_of(desk, patient) == team.one


class KnownToFail(DispatchClient):
    """An engine that reports one team's dispatcher."""

    team = ""

    async def failing(self) -> list[str]:
        return [self.team]


async def test_a_dispatcher_that_cannot_go_on_begins_anew(desk: EngineDesk, team: Team) -> None:
    await team.looks()
    await team.is_there(team.one)
    handle = desk.client.get_workflow_handle(dispatcher_id(team.slug))
    before = (await handle.describe()).run_id
    ticket = await desk.open(team=team.slug)
    client = KnownToFail(desk.client, 30, desk.task_queue)
    client.team = team.slug

    assert await client.mend() == 1

    assert (await handle.describe()).run_id != before
    await eventually(lambda: owner_of(desk, ticket), lambda owner: owner == team.one)
