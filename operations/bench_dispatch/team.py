"""Teams of the measurement's own, written straight into the throw-away database of the run."""

from dataclasses import dataclass

from operations.bench.api import SignedIn
from operations.bench.ground import Ground

_TEAM = "insert into teams (slug, name) values ($1, $1)"
_PEOPLE = """
with made as (
    insert into people (id, email, name, role, password_hash)
    select gen_random_uuid(), $1 || '-' || n || '@example.com', $1 || ' ' || n, 'agent', like_them.password_hash
    from generate_series(1, $2::int) n, people like_them where like_them.email = 'agent@example.com'
    returning id
)
insert into team_members (person_id, team) select id, $1 from made
"""
_PRESENT = """
update agents set presence = 'online', presence_since = now(), capacity_tickets = $2
where person_id in (select person_id from team_members where team = $1)
"""


@dataclass(frozen=True)
class BenchTeam:
    """A team whose agents are all there."""

    slug: str
    agents: int

    async def sign_in(self, ground: Ground) -> list[SignedIn]:
        """All of its agents; each costs what a password costs."""
        password = ground.stack.settings.demo_password.get_secret_value()
        return [await ground.api.sign_in(f"{self.slug}-{n}@example.com", password) for n in range(1, self.agents + 1)]


async def make_team(ground: Ground, slug: str, agents: int, capacity: int) -> BenchTeam:
    """So many agents who carry so many tickets each. They have the demo agent's password."""
    await ground.pool.execute(_TEAM, slug)
    await ground.pool.execute(_PEOPLE, slug, agents)
    await ground.pool.execute(_PRESENT, slug, capacity)
    return BenchTeam(slug, agents)
