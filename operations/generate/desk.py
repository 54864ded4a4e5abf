"""The made desk: its people, teams, opening hours and promises."""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple
from uuid import UUID

import asyncpg

from database.sla_terms import SlaTermsStore
from domain.business_calendar import BusinessCalendar, Span
from domain.ids import PersonId
from domain.sla_ladder import Ladder, LadderStep, RaiseLevel
from domain.sla_policy import Conditions, Goal, Goals, SlaPolicy, Terms
from domain.ticket import Priority, Slug
from operations.generate.shape import BEGIN

TEAMS: dict[Slug, int] = {"front": 40, "network": 12, "workplace": 20, "accounts": 10, "field": 12, "invoices": 8}
"""Teams and how many work in them."""
CATEGORIES: dict[Slug, float] = {"technical": 0.3, "billing": 0.1, "general": 0.57, "urgent": 0.03}
"""With their shares. Tickets of `general` are promised nothing."""
REQUESTERS = 4_000
OFFICE = BusinessCalendar(zone="UTC", week=((Span(since=8 * 60, until=18 * 60),),) * 5 + ((), ()))
"""Without holidays or summer time: a life is the same in every week, so that it can be copied into others."""
_GOALS = {
    Priority.URGENT: (15, 120),
    Priority.HIGH: (30, 240),
    Priority.NORMAL: (120, 600),
    Priority.LOW: (240, 1_200),
}
_STEP = LadderStep(after_minutes=60, since="breach", actions=(RaiseLevel(level=1),))
POLICY = SlaPolicy(
    conditions=Conditions(categories=("technical", "billing", "urgent")),
    goals={
        priority: Goals(first_response=Goal(minutes=first), resolution=Goal(minutes=last))
        for priority, (first, last) in _GOALS.items()
    },
    warnings=(75,),
    ladders=dict.fromkeys((Priority.URGENT, Priority.HIGH), Ladder(target="resolution", steps=(_STEP,))),
)
_PEOPLE = """
insert into people (id, email, name, role, password_hash, created_at)
select id, $2 || n || '@desk.example', $2 || ' ' || n, $3, '', $4
from unnest($1::uuid[]) with ordinality as one (id, n)
"""


class MadeDesk(NamedTuple):
    """Who is there, and what is promised."""

    requesters: tuple[PersonId, ...]
    agents: dict[Slug, tuple[PersonId, ...]]
    terms: Terms


class DeskError(Exception):
    """The desk cannot be made; the message says why."""


async def make_desk(pool: "asyncpg.Pool[asyncpg.Record]", chance: Random) -> MadeDesk:
    """Write people, teams, a calendar and a policy. Raises DeskError when the database holds a desk already."""
    if await pool.fetchval("select exists (select from tickets) or exists (select from teams)"):
        raise DeskError("This database has teams or tickets: a made desk would be mixed with them. Name an empty one.")
    requesters = _ids(REQUESTERS, chance)
    agents = {team: _ids(count, chance) for team, count in TEAMS.items()}
    await pool.execute("insert into teams (slug, name) select one, initcap(one) from unnest($1::text[]) one", [*TEAMS])
    await _add(pool, requesters, "requester", "requester")
    for team, members in agents.items():
        await _add(pool, members, f"{team} agent", "agent")
        await pool.execute(
            "insert into team_members (team, person_id) select $1, one from unnest($2::uuid[]) one", team, members
        )
    policy, calendar = await _promise(pool)
    terms = await SlaTermsStore(pool).terms_at(policy, calendar)
    if terms is None:
        raise DeskError("The policy of the made desk could not be read back.")
    return MadeDesk(requesters, agents, terms)


def _ids(count: int, chance: Random) -> tuple[PersonId, ...]:
    return tuple(PersonId(new_id(chance)) for _ in range(count))


def new_id(chance: Random) -> UUID:
    """A random id (version 4), the same for the same seed."""
    return UUID(int=chance.getrandbits(128), version=4)


async def _add(pool: "asyncpg.Pool[asyncpg.Record]", people: Sequence[PersonId], name: str, role: str) -> None:
    await pool.execute(_PEOPLE, people, name, role, BEGIN)


async def _promise(pool: "asyncpg.Pool[asyncpg.Record]") -> tuple[int, int]:
    """The versions of the policy, before all others, and of its calendar."""
    calendar_id = await pool.fetchval("insert into sla_calendars (name) values ('Office hours') returning id")
    calendar = await pool.fetchval(
        "insert into sla_calendar_versions (calendar_id, version, calendar) values ($1, 1, $2) returning id",
        calendar_id,
        OFFICE.model_dump_json(),
    )
    policy = await pool.fetchval(
        "with policy as (insert into sla_policies (name, place) values ('Made promises', 0) returning id) "
        "insert into sla_policy_versions (policy_id, version, calendar_id, policy) "
        "select id, 1, $1, $2 from policy returning id",
        calendar_id,
        POLICY.model_dump_json(),
    )
    return policy, calendar
