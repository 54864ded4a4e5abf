"""Ratings in the database: on the ticket, in its events, with a comment kept beside, and told to those they are for."""

from datetime import timedelta

import pytest

from database.pool import Pool
from database.tickets import TicketStore
from domain.errors import UnknownReferenceError
from domain.people import Actor, Role
from domain.ticket import Status
from domain.ticket_commands import AssignTicket, ChangeStatus, RateTicket
from tests.database.storing import recorded, stored_text, stored_ticket
from tests.factories import AGENT, BY_REQUESTER, NOW, OTHER_AGENT, SUPERVISOR

LATER = NOW + timedelta(hours=1)
BY_OTHER_AGENT = Actor.person(OTHER_AGENT, Role.AGENT)


async def test_a_rating_lies_in_the_row_and_its_comment_in_a_text_of_its_own(pool: Pool, store: TicketStore) -> None:
    opened = await stored_ticket(store, team="support")
    resolved = await recorded(store, opened, ChangeStatus(status=Status.RESOLVED))
    comment = await stored_text(store, opened.number, "Five weeks for a toner.")

    rated = await recorded(store, resolved, RateTicket(score=2, text_id=comment), by=BY_REQUESTER, at=LATER)

    assert (rated.rating, rated.rated_at, rated.rating_text_id, rated.resolver_id) == (2, LATER, comment, AGENT)
    event = await pool.fetchrow("select text_id, internal, data from events where type = 'ticket.rated'")
    assert event is not None
    assert (event["text_id"], event["internal"]) == (comment, False)
    assert "toner" not in event["data"]
    record = await store.read(opened.number)
    as_of = await store.read_as_of(opened.number, rated.revision)
    assert record is not None
    assert as_of is not None
    assert record.ticket == as_of.ticket == rated
    assert record.rating_comment == as_of.rating_comment == "Five weeks for a toner."


async def test_a_rating_without_a_comment_replaces_that_of_before(store: TicketStore) -> None:
    opened = await stored_ticket(store)
    resolved = await recorded(store, opened, ChangeStatus(status=Status.RESOLVED))
    comment = await stored_text(store, opened.number)
    rated = await recorded(store, resolved, RateTicket(score=2, text_id=comment), by=BY_REQUESTER, at=LATER)

    await recorded(store, rated, RateTicket(score=5), by=BY_REQUESTER, at=LATER)

    record = await store.read(opened.number)
    assert record is not None
    assert (record.rating, record.rating_comment) == (5, None)


async def test_a_comment_that_belongs_to_another_ticket_is_unknown(store: TicketStore) -> None:
    other = await stored_text(store, (await stored_ticket(store)).number)
    resolved = await recorded(store, await stored_ticket(store), ChangeStatus(status=Status.RESOLVED))

    with pytest.raises(UnknownReferenceError, match="no such text of this ticket"):
        await recorded(store, resolved, RateTicket(score=1, text_id=other), by=BY_REQUESTER)


async def test_the_agent_hears_of_a_rating_and_of_a_low_one_supervisors_too(pool: Pool, store: TicketStore) -> None:
    assigned = await recorded(store, await stored_ticket(store, team="support"), AssignTicket(assignee_id=AGENT))
    resolved = await recorded(store, assigned, ChangeStatus(status=Status.RESOLVED), by=BY_OTHER_AGENT)
    passed_on = await recorded(store, resolved, AssignTicket(assignee_id=OTHER_AGENT))
    good = await recorded(store, passed_on, RateTicket(score=3), by=BY_REQUESTER)
    await recorded(store, good, RateTicket(score=2), by=BY_REQUESTER)

    rows = await pool.fetch(
        "select person_id, why, revision, in_app from notifications where type = 'rated' order by revision, why"
    )
    assert [tuple(row) for row in rows] == [
        (AGENT, "person", 5, True),
        (AGENT, "person", 6, True),
        (SUPERVISOR, "role", 6, True),
    ]
