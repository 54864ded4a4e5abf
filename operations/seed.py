"""Makes the demo organisation in an empty database: `python -m operations.seed`."""

import asyncio

from api.credentials.passwords import Passwords
from database.audit import name_author
from database.people import insert_person
from database.pool import open_pool
from domain.audit import Author
from domain.people import Role
from domain.ticket import Slug
from settings import Settings

TEAMS: dict[Slug, str] = {"support": "Support", "billing": "Billing", "network": "Network"}
PEOPLE: tuple[tuple[str, str, Role, tuple[Slug, ...]], ...] = (
    ("admin@example.com", "Ada Admin", Role.ADMIN, ()),
    ("supervisor@example.com", "Sam Supervisor", Role.SUPERVISOR, ("support", "billing", "network")),
    ("agent@example.com", "Alex Agent", Role.AGENT, ("support",)),
    ("agent2@example.com", "Ana Agent", Role.AGENT, ("support",)),
    ("agent3@example.com", "Aki Agent", Role.AGENT, ("billing",)),
    ("requester@example.com", "Robin Requester", Role.REQUESTER, ()),
    ("requester2@example.com", "Rita Requester", Role.REQUESTER, ()),
)


async def seed(settings: Settings) -> bool:
    """Add the demo teams and people, all or none, unless there is anybody already. Returns whether it did."""
    passwords = Passwords()
    password = settings.demo_password.get_secret_value()
    hashes = [await passwords.hash(password) for _ in PEOPLE]
    pool = await open_pool(settings.database_dsn, 1)
    async with pool, pool.acquire() as connection, connection.transaction():
        await connection.execute("lock table people in exclusive mode")
        if await connection.fetchval("select exists (select from people)"):
            return False
        await name_author(connection, Author(credential="program:seed"))
        await connection.executemany("insert into teams (slug, name) values ($1, $2)", list(TEAMS.items()))
        for (email, name, role, teams), hashed in zip(PEOPLE, hashes, strict=True):
            await insert_person(connection, email, name, role, hashed, teams)
        return True


if __name__ == "__main__":
    print("demo organisation made" if asyncio.run(seed(Settings())) else "there are people already; nothing to seed")
