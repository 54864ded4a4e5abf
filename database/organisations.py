"""Organisations: the companies that requesters belong to."""

from typing import Any, NamedTuple

import asyncpg

from database.audit import authored
from database.idempotency import RequestKey, create_once
from database.pool import Connection, Pool
from domain.audit import Author
from domain.errors import AlreadyExistsError, NotFoundError
from domain.ticket import Slug


class OrganisationRecord(NamedTuple):
    slug: Slug
    name: str
    domains: tuple[str, ...]
    """Whoever proves an e-mail address of these domains belongs to it."""


_SELECT = "select slug, name, domains from organisations"


class OrganisationStore:
    """Organisations in PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def all(self) -> list[OrganisationRecord]:
        """The organisations by slug."""
        return [_organisation(row) for row in await self._pool.fetch(f"{_SELECT} order by slug")]

    async def add(
        self, slug: Slug, name: str, domains: tuple[str, ...], by: Author, key: RequestKey | None = None
    ) -> OrganisationRecord:
        """Raises AlreadyExistsError for a known slug, or a domain of another organisation."""

        async def create(connection: Connection) -> dict[str, Any]:
            await _check_domains(connection, slug, domains)
            await connection.execute(
                "insert into organisations (slug, name, domains) values ($1, $2, $3)", slug, name, list(domains)
            )
            return {"slug": slug}

        try:
            await create_once(self._pool, key, create, by)
        except asyncpg.UniqueViolationError as error:
            raise AlreadyExistsError(f"{slug} exists already.") from error
        return OrganisationRecord(slug, name, domains)

    async def change(
        self, slug: Slug, name: str | None, domains: tuple[str, ...] | None, by: Author
    ) -> OrganisationRecord:
        """Change what is given. Raises NotFoundError, and AlreadyExistsError for a domain of another organisation."""
        async with authored(self._pool, by) as connection:
            await _check_domains(connection, slug, domains or ())
            row = await connection.fetchrow(
                "update organisations set name = coalesce($2, name), domains = coalesce($3, domains) where slug = $1 "
                "returning slug, name, domains",
                slug,
                name,
                None if domains is None else list(domains),
            )
        if row is None:
            raise NotFoundError(f"There is no organisation {slug}.")
        return _organisation(row)


async def _check_domains(connection: Connection, slug: Slug, domains: tuple[str, ...]) -> None:
    """One writer at a time looks whether a domain is taken: two could not see each other's rows."""
    await connection.execute("lock table organisations in share row exclusive mode")
    taken = await connection.fetchrow(
        "select slug, array(select unnest(domains) intersect select unnest($2::text[])) as both from organisations "
        "where slug <> $1 and domains && $2::text[] limit 1",
        slug,
        list(domains),
    )
    if taken is not None:
        raise AlreadyExistsError(f"{', '.join(sorted(taken['both']))} belongs to {taken['slug']} already.")


def _organisation(row: asyncpg.Record) -> OrganisationRecord:
    return OrganisationRecord(row["slug"], row["name"], tuple(row["domains"]))
