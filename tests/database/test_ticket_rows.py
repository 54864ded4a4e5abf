"""The ticket row has a column for every field of the ticket, and keeps each value as it was."""

from datetime import timedelta

from database.pool import Pool
from database.ticket_rows import COLUMNS, TicketRecord
from database.tickets import TicketStore
from domain.ticket import Priority, Status, Ticket
from tests.database.storing import stored_ticket
from tests.factories import NOW

ONLY_FOR_SORTING = {"priority_rank", "sla_state", "sla_due_at", "next_due_at"}


async def test_the_row_has_a_column_for_every_field_of_the_ticket(pool: Pool) -> None:
    rows = await pool.fetch("select column_name from information_schema.columns where table_name = 'tickets'")

    assert {row["column_name"] for row in rows} - ONLY_FOR_SORTING == set(Ticket.model_fields) == set(COLUMNS)


def test_a_record_begins_with_the_columns_of_the_row_in_their_order() -> None:
    """It is made from the row by position."""
    assert TicketRecord._fields[: len(COLUMNS)] == COLUMNS
    assert TicketRecord._fields[len(COLUMNS) :] == (
        "title",
        "description",
        "requester_name",
        "assignee_name",
        "organisation",
        "rating_comment",
    )


async def test_every_status_and_priority_of_the_domain_fits_into_the_row(pool: Pool, store: TicketStore) -> None:
    ticket = await stored_ticket(store)
    for status in Status:
        await pool.execute("update tickets set status = $2 where number = $1", ticket.number, status)
    ranks = [
        await pool.fetchval(
            "update tickets set priority = $2 where number = $1 returning priority_rank", ticket.number, priority
        )
        for priority in Priority
    ]

    assert ranks == sorted(set(ranks))


async def test_a_row_comes_back_as_the_ticket_that_a_validation_would_make(store: TicketStore) -> None:
    """Rows are taken over unchecked, for speed: types must be right all the same."""
    ticket = await stored_ticket(
        store,
        team="support",
        due_at=NOW + timedelta(microseconds=1),
        required_skills=("dns", "vpn"),
        estimated_minutes=30,
        tags=("vip",),
        priority=Priority.URGENT,
    )

    checked = Ticket.model_validate(ticket.model_dump())

    assert checked == ticket
    assert {name: type(getattr(ticket, name)) for name in COLUMNS} == {
        name: type(getattr(checked, name)) for name in COLUMNS
    }
    assert ticket.model_dump_json() == checked.model_dump_json()
