"""Teams: settings, members, and when a team may end."""

import asyncio

import pytest

from database.bell import BELL
from database.events import EventLog
from database.people import PeopleStore
from database.pool import Pool
from database.teams import SETTINGS, TeamChange, TeamRecord, TeamStore
from database.tickets import TicketStore
from domain.errors import AlreadyExistsError, NotFoundError, TeamInUseError
from domain.ids import PersonId
from domain.team import Strategy, TeamSettings
from domain.ticket import Status
from domain.ticket_commands import ChangeStatus
from tests.database.storing import recorded, stored_ticket
from tests.factories import (
    ADMIN,
    AGENT,
    BILLING_AGENT,
    INACTIVE_AGENT,
    OTHER_AGENT,
    REQUESTER,
    TEAMS,
    author,
    person_id,
)

BY_ADMIN = author(ADMIN)


async def test_teams_are_listed_by_slug_with_the_usual_settings(teams: TeamStore) -> None:
    assert await teams.all() == [TeamRecord(slug, slug, True, TeamSettings()) for slug in sorted(TEAMS)]


async def test_a_new_team_has_the_settings_that_the_table_gives(teams: TeamStore) -> None:
    made = await teams.add("garden", "Garden", BY_ADMIN)

    assert made == TeamRecord("garden", "Garden", True, TeamSettings())
    with pytest.raises(AlreadyExistsError):
        await teams.add("garden", "Another garden", BY_ADMIN)


async def test_a_change_touches_what_it_names_and_tells_whoever_dispatches(
    teams: TeamStore, log: EventLog, pool: Pool
) -> None:
    now, rung = await log.now(), asyncio.Event()
    async with pool.acquire() as listening:
        await listening.add_listener(BELL, lambda *_: rung.set())
        settings = {"strategy": Strategy.OFFER, "offer_to": 3, "take_back_minutes": 90, "approves_swaps": True}
        changed = await teams.change("support", TeamChange(name="Help", settings=settings), BY_ADMIN)
        await asyncio.wait_for(rung.wait(), 30)
        await listening.reset()

    assert changed == TeamRecord("support", "Help", True, TeamSettings(**settings))  # type: ignore[arg-type]
    assert await teams.read("support") == changed
    (event,) = await log.after(now)
    assert (event.topic, event.type, event.actor_id, event.internal) == ("teams", "team.changed", ADMIN, True)
    assert '"support"' in event.data
    untouched = await teams.change("support", TeamChange(settings={"take_back_minutes": None}), BY_ADMIN)
    assert untouched.settings == changed.settings.model_copy(update={"take_back_minutes": None})
    assert (await teams.read("billing")).settings == TeamSettings()


def test_every_setting_is_a_column_of_its_name() -> None:
    assert set(SETTINGS) == {
        "strategy", "offer_to", "offer_seconds", "take_back_minutes", "usual_minutes", "hand_over_minutes",
        "approves_swaps", "score",
    }  # fmt: skip


async def test_people_of_the_desk_join_and_leave(teams: TeamStore, people: PeopleStore, log: EventLog) -> None:
    await people.change(REQUESTER, BY_ADMIN, teams=("support",))
    assert [one.id for one in await teams.members("support")] == [AGENT, INACTIVE_AGENT, OTHER_AGENT]
    now = await log.now()

    for _ in range(2):
        await teams.join("support", BILLING_AGENT, BY_ADMIN)
        await teams.leave("support", OTHER_AGENT, BY_ADMIN)

    assert [one.id for one in await teams.members("support")] == [AGENT, BILLING_AGENT, INACTIVE_AGENT]
    person = await people.read(BILLING_AGENT)
    assert person is not None
    assert person.teams == ("billing", "support")
    told = [(event.type, event.person) for event in await log.after(now)]
    assert told == [
        ("person.changed", BILLING_AGENT), ("team.changed", None), ("person.changed", OTHER_AGENT),
        ("team.changed", None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("team", "person"),
    [("gardeners", AGENT), ("support", person_id("nobody")), ("support", REQUESTER)],
)
async def test_only_agents_join_and_only_teams_that_exist(teams: TeamStore, team: str, person: PersonId) -> None:
    for move in (teams.join, teams.leave):
        with pytest.raises(NotFoundError):
            await move(team, person, BY_ADMIN)
    with pytest.raises(NotFoundError):
        await teams.read("gardeners")
    with pytest.raises(NotFoundError):
        await teams.change("gardeners", TeamChange(name="x"), BY_ADMIN)


async def test_a_team_with_open_tickets_is_not_deactivated(teams: TeamStore, store: TicketStore) -> None:
    tickets = [await stored_ticket(store, team="support") for _ in range(2)]

    with pytest.raises(TeamInUseError, match="it has 2 open tickets"):
        await teams.change("support", TeamChange(name="Help", is_active=False), BY_ADMIN)
    assert (await teams.read("support")).name == "support"

    for ticket in tickets:
        await recorded(store, ticket, ChangeStatus(status=Status.RESOLVED))
    assert not (await teams.change("support", TeamChange(is_active=False), BY_ADMIN)).is_active
    assert (await teams.change("support", TeamChange(is_active=True), BY_ADMIN)).is_active


@pytest.mark.parametrize(
    "policy",
    [
        """{"conditions": {"teams": ["billing", "support"]}}""",
        """{"conditions": {}, "ladders": {"high": {"steps": [
            {"actions": [{"type": "raise_level"}, {"type": "notify_team", "team": "support"}]}]}}}""",
    ],
)
async def test_a_team_that_a_policy_names_is_not_deactivated(teams: TeamStore, pool: Pool, policy: str) -> None:
    id = await pool.fetchval("insert into sla_policies (name, place) values ('Gold', 9) returning id")
    version = "insert into sla_policy_versions (policy_id, version, calendar_id, policy) values ($1, $2, 1, $3::jsonb)"
    try:
        await pool.execute(version, id, 1, policy)

        with pytest.raises(TeamInUseError, match="1 SLA policy names it: “Gold”"):
            await teams.change("support", TeamChange(is_active=False), BY_ADMIN)
        await teams.change("network", TeamChange(is_active=False), BY_ADMIN)
        await pool.execute(version, id, 2, '{"conditions": {}}')

        assert not (await teams.change("support", TeamChange(is_active=False), BY_ADMIN)).is_active
    finally:
        await pool.execute("delete from sla_policy_versions where policy_id = $1", id)
        await pool.execute("delete from sla_policies where id = $1", id)


async def test_a_ticket_that_is_being_opened_in_a_team_is_counted(
    teams: TeamStore, store: TicketStore, pool: Pool
) -> None:
    ticket = await stored_ticket(store)
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("update tickets set team = 'network' where number = $1", ticket.number)
        ending = asyncio.create_task(teams.change("network", TeamChange(is_active=False), BY_ADMIN))
        while not await pool.fetchval("select exists (select from pg_locks where not granted)"):
            await asyncio.sleep(0.01)
        await transaction.commit()

    with pytest.raises(TeamInUseError, match=r"it has 1 open ticket\.$"):
        await ending
