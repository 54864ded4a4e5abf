"""Agents: their capacity and what they carry, who they are, and that a change is all or nothing."""

import asyncio
import random
from datetime import date
from typing import Any

import pytest

from database.agents import AgentChange, AgentFilter, AgentStore, NewAgent
from database.events import EventLog
from database.idempotency import RequestKey
from database.people import PeopleStore
from database.pool import Pool
from database.skills import SkillStore
from database.teams import TeamChange, TeamStore
from database.tickets import TicketStore
from domain.agent import Capacity, Load, Presence, Weights
from domain.business_calendar import BusinessCalendar, Span, SpecialDay
from domain.errors import (
    AgentOwnsTicketsError,
    AlreadyExistsError,
    InvalidError,
    NotFoundError,
    StaleRevisionError,
    UnknownReferenceError,
)
from domain.ids import PersonId
from domain.people import Role
from domain.ticket import Priority, Status, Ticket
from domain.ticket_commands import AssignTicket, ChangeStatus, SnoozeTicket
from tests.database.storing import recorded, state_of, stored_ticket
from tests.factories import (
    ADMIN,
    AGENT,
    BILLING_AGENT,
    INACTIVE_AGENT,
    OTHER_AGENT,
    REQUESTER,
    SUPERVISOR,
    TEAMS,
    author,
    command_id,
    person_id,
)

BY_ADMIN = author(ADMIN)
KEY = RequestKey(command_id("add"), "digest")
HOURS = BusinessCalendar(
    zone="Europe/Berlin",
    week=((Span(since=540, until=1020),),) * 5 + ((), ()),
    holidays=frozenset({date(2030, 5, 1), date(2030, 12, 25), date(2031, 1, 1)}),
    special_days=(SpecialDay(on=date(2030, 12, 24)),),
)
ADA = NewAgent("ada@example.com", "Ada", Role.AGENT, "hash")


async def assigned(store: TicketStore, agent: PersonId, **fields: Any) -> Ticket:
    return await recorded(store, await stored_ticket(store, **fields), AssignTicket(assignee_id=agent))


async def test_whoever_works_at_the_desk_is_an_agent_from_the_start(agents: AgentStore, people: PeopleStore) -> None:
    agent = await agents.read(AGENT)

    assert (agent.name, agent.email, agent.role, agent.teams) == (
        "agent",
        "agent@example.com",
        Role.AGENT,
        ("support",),
    )
    assert (agent.skills, agent.specialisations, agent.capacity) == ({}, (), Capacity())
    assert (agent.seniority, agent.working_hours, agent.presence, agent.is_active) == (1, None, Presence.OFFLINE, True)
    await people.change(REQUESTER, BY_ADMIN, role=Role.AGENT)
    assert (await agents.read(REQUESTER)).capacity == Capacity()


@pytest.mark.parametrize("person", [REQUESTER, person_id("nobody")])
async def test_nobody_else_is_one(agents: AgentStore, person: PersonId) -> None:
    with pytest.raises(NotFoundError):
        await agents.read(person)
    with pytest.raises(NotFoundError):
        await agents.change(person, AgentChange(seniority=3), BY_ADMIN)


async def test_somebody_who_left_the_desk_is_no_agent_and_comes_back_as_they_were(
    agents: AgentStore, people: PeopleStore
) -> None:
    await agents.change(AGENT, AgentChange(seniority=4), BY_ADMIN)
    await people.change(AGENT, BY_ADMIN, role=Role.REQUESTER)

    with pytest.raises(NotFoundError):
        await agents.read(AGENT)
    await people.change(AGENT, BY_ADMIN, role=Role.AGENT)
    assert (await agents.read(AGENT)).seniority == 4


async def test_a_change_touches_what_it_names_and_is_an_event(agents: AgentStore, log: EventLog) -> None:
    now = await log.now()
    capacity = Capacity(tickets=4.5, minutes=240, weights=Weights(urgent=2.5, low=0))

    changed = await agents.change(
        AGENT,
        AgentChange(
            name="Alex",
            teams=("billing", "network"),
            seniority=4,
            specialisations=("printers", "vpn", "printers"),
            capacity=lambda _: capacity,
            working_hours=HOURS,
        ),
        BY_ADMIN,
    )

    assert (changed.name, changed.teams, changed.seniority) == ("Alex", ("billing", "network"), 4)
    assert (changed.specialisations, changed.capacity, changed.working_hours) == (("printers", "vpn"), capacity, HOURS)
    assert await agents.read(AGENT) == changed
    assert [(event.type, event.person) for event in await log.after(now)] == [("person.changed", AGENT)]
    assert await agents.change(AGENT, AgentChange(), BY_ADMIN) == changed
    cleared = await agents.change(AGENT, AgentChange(clears_working_hours=True), BY_ADMIN)
    assert cleared == changed._replace(working_hours=None)


async def test_two_who_change_a_half_each_do_not_undo_each_other(agents: AgentStore) -> None:
    await asyncio.gather(
        agents.change(AGENT, AgentChange(capacity=lambda one: one.model_copy(update={"tickets": 3})), BY_ADMIN),
        agents.change(AGENT, AgentChange(capacity=lambda one: one.model_copy(update={"minutes": 90})), BY_ADMIN),
    )

    assert (await agents.read(AGENT)).capacity == Capacity(tickets=3, minutes=90)


async def test_a_change_that_is_refused_changes_nothing_and_is_no_event(agents: AgentStore, log: EventLog) -> None:
    before, now = await agents.read(AGENT), await log.now()

    with pytest.raises(UnknownReferenceError):
        await agents.change(AGENT, AgentChange(name="Alex", seniority=5, teams=("gardeners",)), BY_ADMIN)
    with pytest.raises(StaleRevisionError):
        await agents.change(AGENT, AgentChange(name="Alex"), BY_ADMIN, expected=before.version + 1)

    assert await agents.read(AGENT) == before
    assert await log.after(now) == []


async def test_a_version_moves_with_what_can_be_changed_and_with_nothing_else(agents: AgentStore, pool: Pool) -> None:
    seen = [(await agents.change(AGENT, AgentChange(working_hours=HOURS), BY_ADMIN)).version]
    await pool.execute("update agents set presence = 'busy', presence_since = now() where person_id = $1", AGENT)
    await SkillStore(pool).set(AGENT, {"vpn": 3}, BY_ADMIN)

    for change in (
        AgentChange(name="Alex"),
        AgentChange(seniority=2),
        AgentChange(teams=()),
        AgentChange(specialisations=("vpn",)),
        AgentChange(capacity=lambda one: one.model_copy(update={"minutes": 10})),
        AgentChange(clears_working_hours=True),
        AgentChange(is_active=False),
    ):
        seen.append((await agents.change(AGENT, change, BY_ADMIN, expected=seen[-1])).version)

    assert len(set(seen)) == len(seen)
    assert all(0 <= version < 10**9 for version in seen), "as much as If-Match takes"


async def test_an_agent_is_added_with_all_that_is_planned_for_them_once(agents: AgentStore) -> None:
    plan = AgentChange(
        teams=("support", "billing"), seniority=3, capacity=lambda _: Capacity(tickets=5), working_hours=HOURS
    )

    added = await asyncio.gather(*(agents.add(ADA, plan, {"vpn": 4}, BY_ADMIN, KEY) for _ in range(3)))

    assert len(set(map(repr, added))) == 1
    ada = added[0]
    assert (ada.name, ada.role, ada.teams, ada.skills) == ("Ada", Role.AGENT, ("billing", "support"), {"vpn": 4})
    assert (ada.capacity, ada.seniority, ada.working_hours) == (Capacity(tickets=5), 3, HOURS)
    with pytest.raises(AlreadyExistsError):
        await agents.add(ADA._replace(email="ADA@example.com"), AgentChange(), {}, BY_ADMIN)


async def test_an_agent_of_an_unknown_team_is_not_added(agents: AgentStore, people: PeopleStore) -> None:
    with pytest.raises(UnknownReferenceError):
        await agents.add(ADA, AgentChange(teams=("gardeners",)), {}, BY_ADMIN)

    assert await people.find_by_email("ada@example.com") is None


# Lists.


async def test_the_desk_is_its_active_people_by_name(agents: AgentStore) -> None:
    page = await agents.page(AgentFilter(), 50, None)

    assert [one.name for one in page.items] == ["admin", "agent", "billing agent", "other agent", "supervisor"]
    assert page.next_cursor is None
    gone = await agents.page(AgentFilter(is_active=False), 50, None)
    assert [one.id for one in gone.items] == [INACTIVE_AGENT]


async def test_agents_are_paged_each_once_also_when_they_share_a_name(agents: AgentStore, people: PeopleStore) -> None:
    for person in (AGENT, OTHER_AGENT, BILLING_AGENT, SUPERVISOR):
        await people.change(person, BY_ADMIN, name="Alex")
    everybody = [one.id for one in (await agents.page(AgentFilter(), 50, None)).items]

    seen: list[PersonId] = []
    cursor = None
    for _ in everybody:
        page = await agents.page(AgentFilter(), 2, cursor)
        seen += [one.id for one in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == everybody
    assert len(set(seen)) == 5


@pytest.mark.parametrize(
    "cursor", ["", "x", "äöü", "W10", "WyJhIiwgIngiXQ", "WzEsIDJd", "bnVsbA", "WyJcdTAwMDAiLCAieCJd"]
)
async def test_what_is_no_cursor_of_this_list_is_refused(agents: AgentStore, cursor: str) -> None:
    with pytest.raises(InvalidError):
        await agents.page(AgentFilter(), 10, cursor)


async def test_a_list_is_narrowed_by_team_skill_level_and_presence(agents: AgentStore, pool: Pool) -> None:
    skills = SkillStore(pool)
    await skills.set(AGENT, {"vpn": 2}, BY_ADMIN)
    await skills.set(BILLING_AGENT, {"vpn": 4}, BY_ADMIN)
    await pool.execute("update agents set presence = 'online' where person_id = any($1::uuid[])", [AGENT, OTHER_AGENT])

    async def found(**wanted: Any) -> set[PersonId]:
        return {one.id for one in (await agents.page(AgentFilter(**wanted), 50, None)).items}

    assert await found(team="support") == {AGENT, OTHER_AGENT}
    assert await found(skill="vpn") == {AGENT, BILLING_AGENT}
    assert await found(skill="vpn:3") == {BILLING_AGENT}
    assert await found(presence=[Presence.ONLINE, Presence.BUSY]) == {AGENT, OTHER_AGENT}
    assert await found(team="support", skill="vpn", presence=[Presence.OFFLINE]) == set()
    with pytest.raises(UnknownReferenceError):
        await found(team="gardeners")


async def test_a_teams_agents_are_its_active_members(agents: AgentStore, people: PeopleStore) -> None:
    await people.change(BILLING_AGENT, BY_ADMIN, teams=("billing", "support"))
    await people.change(REQUESTER, BY_ADMIN, teams=("support",))

    assert [one.id for one in await agents.of_team("support")] == [AGENT, BILLING_AGENT, OTHER_AGENT]
    assert await agents.of_team("network") == []


# Loads.


def carried(tickets: list[Ticket], agent: PersonId, weights: Weights, usual: dict[str | None, int]) -> Load:
    """The load, counted by hand."""
    mine = [
        one
        for one in tickets
        if one.assignee_id == agent and one.status in (Status.NEW, Status.OPEN) and not one.snoozed
    ]
    return Load(
        len(mine),
        sum(weights.of(one.priority) for one in mine),
        sum(one.estimated_minutes or usual[one.team] for one in mine),
    )


async def test_a_load_is_that_of_a_count_by_hand(agents: AgentStore, teams: TeamStore, store: TicketStore) -> None:
    chance = random.Random(3)  # noqa: S311  nothing secret
    weights = {AGENT: Weights(urgent=3, high=1.5, low=0.25), SUPERVISOR: Weights(), ADMIN: Weights(normal=0)}
    for agent, given in weights.items():
        capacity = Capacity(weights=given)
        await agents.change(agent, AgentChange(capacity=lambda _, one=capacity: one), BY_ADMIN)  # type: ignore[misc]
    usual: dict[str | None, int] = {None: 15, "support": 15, "billing": 40, "network": 7}
    for team in ("billing", "network"):
        await teams.change(team, TeamChange(settings={"usual_minutes": usual[team]}), BY_ADMIN)
    tickets = []
    for place in range(60):
        owner = chance.choice([AGENT, SUPERVISOR, ADMIN, None])
        ticket = await stored_ticket(
            store,
            team="support" if owner == AGENT else chance.choice([None, *TEAMS]),
            priority=chance.choice(list(Priority)),
            estimated_minutes=chance.choice([None, 30, 60]),
        )
        if owner is not None:
            ticket = await recorded(store, ticket, AssignTicket(assignee_id=owner))
        match place % 8:
            case 0:
                ticket = await recorded(store, ticket, SnoozeTicket())
            case 1 | 2 | 3 | 4:
                status = (Status.OPEN, Status.PENDING, Status.ON_HOLD, Status.RESOLVED)[place % 8 - 1]
                ticket = await recorded(store, ticket, ChangeStatus(status=status))
        tickets.append(ticket)

    loads = await agents.loads([*weights, OTHER_AGENT, person_id("nobody")])

    expected = {agent: carried(tickets, agent, given, usual) for agent, given in weights.items()}
    assert loads == expected | {OTHER_AGENT: Load()}
    assert all(load.tickets > 3 for load in expected.values()), "chance gave too little to see anything"


# Who leaves the desk.


async def test_whoever_owns_open_tickets_is_not_deactivated(
    agents: AgentStore, people: PeopleStore, store: TicketStore
) -> None:
    mine = [await assigned(store, AGENT, team="support") for _ in range(2)]
    waiting = await recorded(store, mine[1], ChangeStatus(status=Status.PENDING))
    done = await recorded(store, await assigned(store, AGENT, team="support"), ChangeStatus(status=Status.RESOLVED))

    for attempt in (
        agents.change(AGENT, AgentChange(is_active=False, name="Alex"), BY_ADMIN),
        people.change(AGENT, BY_ADMIN, is_active=False),
        people.change(AGENT, BY_ADMIN, role=Role.REQUESTER),
    ):
        with pytest.raises(AgentOwnsTicketsError) as refused:
            await attempt
        assert f"2 open tickets: {mine[0].number}, {waiting.number}." in refused.value.detail
        assert str(done.number) not in refused.value.detail
    agent = await agents.read(AGENT)
    assert (agent.is_active, agent.name) == (True, "agent")
    assert await agents.owned(AGENT) == [one.number for one in mine]


async def test_a_refusal_names_twenty_tickets_at_most(agents: AgentStore, store: TicketStore) -> None:
    await agents.change(AGENT, AgentChange(capacity=lambda _: Capacity(tickets=22)), BY_ADMIN)
    tickets = [await assigned(store, AGENT, team="support") for _ in range(22)]

    with pytest.raises(AgentOwnsTicketsError) as refused:
        await agents.change(AGENT, AgentChange(is_active=False), BY_ADMIN)

    assert f"{tickets[19].number} and 2 more." in refused.value.detail
    assert str(tickets[20].number) not in refused.value.detail


async def test_whoever_has_leave_to_leaves_tickets_behind(agents: AgentStore, store: TicketStore) -> None:
    ticket = await assigned(store, AGENT, team="support")

    gone = await agents.change(AGENT, AgentChange(is_active=False, leaves_tickets=True), BY_ADMIN)

    assert not gone.is_active
    assert (await state_of(store, ticket.number)).assignee_id == AGENT
    with pytest.raises(AgentOwnsTicketsError):
        await agents.check_owns_nothing(AGENT)
    await agents.check_owns_nothing(OTHER_AGENT)


async def test_two_who_change_each_other_do_not_wait_for_each_other_for_ever(agents: AgentStore) -> None:
    for name in map(str, range(10)):
        await asyncio.gather(
            agents.change(ADMIN, AgentChange(name=name), author(SUPERVISOR)),
            agents.change(SUPERVISOR, AgentChange(name=name), author(ADMIN)),
        )

        assert (await agents.read(ADMIN)).name == (await agents.read(SUPERVISOR)).name == name
