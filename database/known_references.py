"""Whether what a question names is there: figures of a team that does not exist are refused, and not told as zeros."""

from collections.abc import Sequence

from database.pool import Pool
from domain.errors import UnknownReferenceError
from domain.ids import PersonId
from domain.ticket import Slug

_UNKNOWN = """
select 'team' as kind, one from unnest($1::text[]) one where not exists (select from teams where slug = one)
union all
select 'category', one from unnest($2::text[]) one where not exists (select from categories where slug = one)
union all
select 'agent', one::text from unnest($3::uuid[]) one where not exists (select from people where id = one)
limit 1
"""


async def check_known(
    pool: Pool, teams: Sequence[Slug], categories: Sequence[Slug], people: Sequence[PersonId]
) -> None:
    """Raises UnknownReferenceError for a team, category or person that does not exist."""
    row = await pool.fetchrow(_UNKNOWN, list(teams), list(categories), list(people))
    if row is not None:
        raise UnknownReferenceError(f"There is no {row['kind']} {row['one']}.")
