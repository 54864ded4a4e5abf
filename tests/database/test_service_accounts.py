"""Accounts of services: in the table of people, and nobody of the desk."""

import re
from pathlib import Path

import asyncpg
import pytest

from database.agents import AgentFilter, AgentStore
from database.people import PeopleStore
from database.pool import Pool
from database.service_accounts import ServiceAccountStore
from database.skills import SkillStore
from database.teams import TeamStore
from domain.errors import NotFoundError, UnknownReferenceError
from domain.people import Actor, Role
from settings import ROOT
from tests.factories import ADMIN, AGENT, author

BY = author(ADMIN)


@pytest.fixture
def accounts(pool: Pool) -> ServiceAccountStore:
    return ServiceAccountStore(pool)


async def test_an_account_is_read_changed_and_listed(accounts: ServiceAccountStore) -> None:
    made = await accounts.add("Monitoring", Role.AGENT, ("support",), BY)

    assert await accounts.read(made.id) == made
    assert await accounts.page(None, 10) == [made]
    changed = await accounts.change(made.id, BY, name="Telephony", role=Role.ADMIN, teams=("billing",), is_active=False)
    assert (changed.name, changed.role, changed.teams, changed.is_active) == (
        "Telephony", Role.ADMIN, ("billing",), False,
    )  # fmt: skip
    assert changed.reader.actor == Actor(kind="integration", id=made.id, role=Role.ADMIN)


async def test_a_person_is_no_account_and_an_account_no_person(
    accounts: ServiceAccountStore, people: PeopleStore
) -> None:
    made = await accounts.add("Monitoring", Role.ADMIN, (), BY)

    with pytest.raises(NotFoundError):
        await accounts.read(AGENT)
    with pytest.raises(NotFoundError):
        await accounts.change(AGENT, BY, name="Somebody else")
    with pytest.raises(NotFoundError):
        await people.change(made.id, BY, name="Somebody else")
    assert made.id not in {person.id for person in await people.page(None, 100)}
    assert await people.find_by_email(made.email) is None


async def test_an_unknown_team_makes_no_account(accounts: ServiceAccountStore) -> None:
    with pytest.raises(UnknownReferenceError):
        await accounts.add("Monitoring", Role.AGENT, ("nowhere",), BY)
    assert await accounts.page(None, 10) == []


@pytest.mark.parametrize("role", [Role.AGENT, Role.SUPERVISOR, Role.ADMIN])
async def test_an_account_is_never_an_agent(
    pool: Pool, accounts: ServiceAccountStore, agents: AgentStore, teams: TeamStore, role: Role
) -> None:
    made = await accounts.add("Monitoring", Role.REQUESTER, ("support",), BY)
    await accounts.change(made.id, BY, role=role)

    assert made.id not in {one.id for one in (await agents.page(AgentFilter(), 100, None)).items}
    assert made.id not in {one.id for one in await agents.of_team("support")}
    assert made.id not in {one.id for one in await teams.members("support")}
    assert await pool.fetchval("select count(*) from agents where person_id = $1", made.id) == 0
    with pytest.raises(NotFoundError):
        await agents.read(made.id)
    with pytest.raises(NotFoundError):
        await teams.join("billing", made.id, BY)
    with pytest.raises(NotFoundError):
        await SkillStore(pool).set(made.id, {"vpn": 3}, BY)


async def test_an_account_can_have_no_password(pool: Pool, accounts: ServiceAccountStore) -> None:
    made = await accounts.add("Monitoring", Role.AGENT, (), BY)

    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute("update people set password_hash = 'argon2' where id = $1", made.id)


def test_nobody_is_picked_by_their_role_alone() -> None:
    """Whoever looks for people of the desk asks IS_DESK, or the row of agents: a role is what services have too."""
    by_role = re.compile(r"(?<!actor_)role\s*(<>|!=|=|in|not in)\s*(\(?'|h\.who)", re.IGNORECASE)
    where = {
        (path.name, line.strip())
        for path in Path(ROOT, "database").glob("*.py")
        for line in path.read_text().splitlines()
        if by_role.search(line)
    }

    assert {name for name, _ in where} <= {
        "agent_rows.py",
        "shift_writing.py",
        "ticket_statements.py",
        "erasure.py",
        "retention.py",
    }, where
