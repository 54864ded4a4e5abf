"""Reading one ticket, and a page of the list among many."""

from database.ticket_rows import COLUMNS
from operations.bench import peers
from operations.bench.figure import Figure, rate_and_latencies
from operations.bench.ground import Ground
from operations.bench.load import closed_loop

PAGE = 50

_OF_ITS_OWN = {
    "number": "new.number",
    "wording_id": "new.wording_id",
    "created_at": "t.created_at - new.n * interval '1 minute'",
    "updated_at": "t.updated_at - new.n * interval '1 minute'",
    "sla": "jsonb_set(t.sla::jsonb, '{zone_data}', to_jsonb(new.n::text))::json",
}
FILL = f"""
with new as materialized (
    select nextval('ticket_numbers') as number, gen_random_uuid() as wording_id, n from generate_series(1, $2::int) n
), texts as (
    insert into ticket_texts (id, ticket_number, author_id, title, body)
    select new.wording_id, new.number, w.author_id, w.title || ' ' || new.n, w.body
    from new, tickets t join ticket_texts w on w.id = t.wording_id where t.number = $1
)
insert into tickets ({", ".join(COLUMNS)})
select {", ".join(_OF_ITS_OWN.get(name, f"t.{name}") for name in COLUMNS)} from new, tickets t where t.number = $1
"""  # noqa: S608 - our own column names
"""Copies of one ticket, each with a number, a text, clocks and an age of its own: rows to be listed, without events or
workflows. Nothing else may write tickets so; here the whole database is thrown away afterwards."""


async def measure_reads(ground: Ground) -> list[Figure]:
    """One ticket, and the first page of the list with `size.listed` tickets in the database."""
    api, people = ground.api, ground.people
    numbers = await ground.running_tickets(8)
    await _fill(ground, numbers[0])
    total: int = await ground.pool.fetchval("select count(*) from tickets")
    figures: list[Figure] = []
    for at_once, count in ground.size.reads.items():
        seconds = ground.size.seconds

        async def read(lane: int, _turn: int) -> None:
            await api.read(people.agent, numbers[lane])

        async def page(_lane: int, _turn: int) -> None:
            await api.page(people.agent, PAGE)

        one = await closed_loop(read, at_once=at_once, count=count, seconds=seconds)
        listed = await closed_loop(page, at_once=at_once, count=count // 2, seconds=seconds)
        web = await ground.web_floor.measure(at_once=at_once, count=count, seconds=seconds)
        floors = [("bare POST", web)]
        figures += rate_and_latencies(f"read one, {at_once} at once", one, floors, best_peer=peers.READ_ONE)
        figures += rate_and_latencies(
            f"page of {PAGE} among {total:,}, {at_once} at once", listed, floors, best_peer=peers.PAGE_OF_50
        )
    return figures


async def _fill(ground: Ground, like: int) -> None:
    there: int = await ground.pool.fetchval("select count(*) from tickets")
    if there < ground.size.listed:
        await ground.pool.execute(FILL, like, ground.size.listed - there)
    await ground.pool.execute("analyze tickets, ticket_texts")
