"""Who plays: the teams of the log's groups, their agents and the requesters, made through the admin API."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from operations.replay.desk import Desk, DeskError, Json, Person
from operations.replay.plan import Seat

SIGN_INS_AT_ONCE = 4
"""Passwords are hashed slowly on purpose."""
CARRIES = 1_000
"""Tickets at once: the log says who had which, whatever else they had."""


def team_slug(group: str) -> str:
    return f"group-{group}"


def agents_for(group_index: int, agents: int) -> tuple[int, int]:
    """The two agents of a group, by their numbers; neighbours in the list of groups share one."""
    return group_index % agents, (group_index + 1) % agents


@dataclass(frozen=True)
class Cast:
    """The people of a run."""

    admin: Person
    requesters: Sequence[Person]
    agents: Sequence[Person]
    groups: Sequence[str]

    def agent(self, seat: Seat) -> Person:
        return self.agents[agents_for(self.groups.index(seat.group), len(self.agents))[seat.place]]


async def make_cast(
    desk: Desk, admin: Person, run: str, groups: Sequence[str], *, requesters: int, agents: int
) -> Cast:
    """Make what is missing and sign everybody in. A second time for the same run finds everything there."""
    if agents < 2:
        raise ValueError("a group needs two agents")
    for group in groups:
        await _unless_there(desk, admin, "/teams", {"slug": team_slug(group), "name": f"Group {group}"})
    teams: list[list[str]] = [[] for _ in range(agents)]
    for index, group in enumerate(groups):
        for agent in agents_for(index, agents):
            teams[agent].append(team_slug(group))

    gate = asyncio.Semaphore(SIGN_INS_AT_ONCE)
    password = _password(run, admin)

    async def person(role: str, number: int, member_of: list[str]) -> Person:
        email = f"replay-{run}-{role}-{number}@example.com"
        name = f"Replay {role} {number}"
        body: Json = {"email": email, "name": name, "role": role, "password": password, "teams": member_of}
        if role == "agent":
            body["capacity"] = {"tickets": CARRIES}
        newcomer = Person(email, password)
        async with gate:
            await _unless_there(desk, admin, "/agents" if role == "agent" else "/users", body)
            await desk.sign_in(newcomer)
        return newcomer

    return Cast(
        admin=admin,
        requesters=await asyncio.gather(*(person("requester", number, []) for number in range(requesters))),
        agents=await asyncio.gather(*(person("agent", number, teams[number]) for number in range(agents))),
        groups=groups,
    )


async def _unless_there(desk: Desk, admin: Person, path: str, body: Json) -> None:
    try:
        await desk.ask("set the stage", "POST", path, admin, body)
    except DeskError as error:
        if error.status != 409:
            raise


def _password(run: str, admin: Person) -> str:
    """The same for every time of the run, and nobody's guess who does not know the admin's."""
    return hashlib.sha256(f"replay:{run}:{admin.password}".encode()).hexdigest()[:32]
