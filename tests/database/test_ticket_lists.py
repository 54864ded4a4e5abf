"""Pages of tickets: what they hold, in which order, and that a reader who pages sees every ticket once."""

import base64
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import product
from typing import Any, get_args
from uuid import uuid4

import asyncpg
import pytest

from database.events import EventLog
from database.ticket_lists import Sort, TicketFilter, TicketLists, TicketPage
from database.tickets import TicketStore
from domain.access import Audience, Reader, TicketScope, ticket_scope
from domain.errors import InvalidError
from domain.ids import PersonId, TextId, TicketNumber
from domain.people import Role
from domain.ticket import Priority, Status, Ticket
from domain.ticket_commands import AddReply, AssignTicket, ChangeStatus, EditTicket, SnoozeTicket
from tests.database.storing import recorded, stored_text, stored_ticket
from tests.factories import (
    ADMIN,
    AGENT,
    BILLING_AGENT,
    NOW,
    OTHER_AGENT,
    OTHER_REQUESTER,
    REQUESTER,
    SUPERVISOR,
    TEAMS,
    reader,
)

SORTS: list[Sort] = list(get_args(Sort))
EVERYTHING = ticket_scope(reader(ADMIN))
ALL = TicketFilter()
FAR = datetime.max.replace(tzinfo=NOW.tzinfo)


def numbers_of(page: TicketPage) -> list[TicketNumber]:
    return [record.ticket.number for record in page.items]


async def every_page(
    lists: TicketLists, sort: Sort, limit: int, scope: TicketScope = EVERYTHING, wanted: TicketFilter = ALL
) -> list[list[TicketNumber]]:
    """The numbers on each page, from the first to the last."""
    pages, cursor = [], None
    while True:
        page = await lists.page(scope, wanted, sort, limit, cursor)
        pages.append(numbers_of(page))
        cursor = page.next_cursor
        if cursor is None:
            return pages


async def found(lists: TicketLists, wanted: TicketFilter, scope: TicketScope = EVERYTHING) -> set[TicketNumber]:
    page = await lists.page(scope, wanted, "number", 200, None)
    return set(numbers_of(page))


# Scope.


async def test_a_page_holds_exactly_the_tickets_that_the_scope_includes(store: TicketStore, lists: TicketLists) -> None:
    tickets = []
    for requester, team, assignee in product(
        (AGENT, OTHER_REQUESTER), (None, "support", "billing"), (None, AGENT, SUPERVISOR)
    ):
        ticket = await stored_ticket(store, requester_id=requester, team=None)
        if assignee is not None:
            ticket = await recorded(store, ticket, AssignTicket(assignee_id=assignee))
        if team is not None:
            ticket = await recorded(store, ticket, EditTicket(team=team))
        if assignee is not None and team == "support":  # the move took the assignee away
            ticket = await recorded(store, ticket, AssignTicket(assignee_id=assignee))
        tickets.append(ticket)
    assert {(t.requester_id == AGENT, t.team, t.assignee_id) for t in tickets} >= {
        (True, "support", AGENT),
        (False, "support", AGENT),
        (False, None, AGENT),
        (False, "billing", None),
        (False, "support", SUPERVISOR),
        (True, None, None),
    }

    for role, teams in product(Role, ((), ("support",), ("billing",), ("support", "billing"))):
        scope = ticket_scope(Reader(id=AGENT, role=role, teams=frozenset(teams)))
        expected = {ticket.number for ticket in tickets if scope.includes(Audience.of(ticket, None))}
        assert await found(lists, ALL, scope) == expected, f"{role} of {teams}"


async def test_an_agent_keeps_a_ticket_that_is_assigned_to_them_in_another_team(
    store: TicketStore, lists: TicketLists
) -> None:
    ticket = await stored_ticket(store, team="billing")
    await recorded(store, ticket, AssignTicket(assignee_id=BILLING_AGENT))
    moved_on = Reader(id=BILLING_AGENT, role=Role.AGENT, teams=frozenset({"network"}))

    assert await found(lists, ALL, ticket_scope(moved_on)) == {ticket.number}


# Filters.


async def many_tickets(store: TicketStore) -> list[Ticket]:
    tickets = []
    for place in range(12):
        ticket = await stored_ticket(
            store,
            priority=list(Priority)[place % 4],
            category=["general", "billing", "technical"][place % 3],
            team=[None, *TEAMS][place % 4],
            requester_id=[REQUESTER, OTHER_REQUESTER][place % 2],
            tags=[(), ("vip",), ("vip", "beta")][place % 3],
        )
        if place % 3 == 0:
            ticket = await recorded(store, ticket, AssignTicket(assignee_id=[SUPERVISOR, ADMIN][place % 2]))
        if place % 4 == 1:
            ticket = await recorded(store, ticket, ChangeStatus(status=Status.PENDING))
        if place % 5 == 2:
            ticket = await recorded(store, ticket, SnoozeTicket())
        tickets.append(ticket)
    return tickets


FILTERS: dict[str, tuple[TicketFilter, Callable[[Ticket], bool]]] = {
    "one status": (TicketFilter(status=[Status.PENDING]), lambda t: t.status is Status.PENDING),
    "two statuses": (TicketFilter(status=[Status.PENDING, Status.NEW]), lambda _: True),
    "a status that none has": (TicketFilter(status=[Status.CLOSED]), lambda _: False),
    "priorities": (
        TicketFilter(priority=[Priority.LOW, Priority.URGENT]),
        lambda t: t.priority in (Priority.LOW, Priority.URGENT),
    ),
    "a category": (TicketFilter(category=["billing"]), lambda t: t.category == "billing"),
    "teams": (TicketFilter(team=["support", "network"]), lambda t: t.team in ("support", "network")),
    "an assignee": (TicketFilter(assignee=[SUPERVISOR]), lambda t: t.assignee_id == SUPERVISOR),
    "two assignees": (TicketFilter(assignee=[SUPERVISOR, ADMIN]), lambda t: t.assignee_id is not None),
    "nobody's": (TicketFilter(unassigned=True), lambda t: t.assignee_id is None),
    "an assignee's or nobody's": (
        TicketFilter(assignee=[ADMIN], unassigned=True),
        lambda t: t.assignee_id in (None, ADMIN),
    ),
    "a requester": (TicketFilter(requester=OTHER_REQUESTER), lambda t: t.requester_id == OTHER_REQUESTER),
    "a tag": (TicketFilter(tag=["vip"]), lambda t: "vip" in t.tags),
    "all of two tags": (TicketFilter(tag=["beta", "vip"]), lambda t: {"vip", "beta"} <= set(t.tags)),
    "snoozed": (TicketFilter(snoozed=True), lambda t: t.snoozed),
    "awake": (TicketFilter(snoozed=False), lambda t: not t.snoozed),
    "several at once": (
        TicketFilter(priority=[Priority.LOW], snoozed=False, requester=REQUESTER, text="printer"),
        lambda t: t.priority is Priority.LOW and not t.snoozed and t.requester_id == REQUESTER,
    ),
}


async def test_a_filter_leaves_exactly_what_it_names(store: TicketStore, lists: TicketLists) -> None:
    tickets = await many_tickets(store)
    for name, (wanted, is_wanted) in FILTERS.items():
        expected = {ticket.number for ticket in tickets if is_wanted(ticket)}
        assert await found(lists, wanted) == expected, name


async def test_a_filter_never_widens_the_scope(store: TicketStore, lists: TicketLists) -> None:
    tickets = await many_tickets(store)
    scope = ticket_scope(reader(REQUESTER))
    for name, (wanted, is_wanted) in FILTERS.items():
        expected = {
            ticket.number for ticket in tickets if is_wanted(ticket) and scope.includes(Audience.of(ticket, None))
        }
        assert await found(lists, wanted, scope) == expected, name


# Sorting and paging.


async def tickets_with_ties(store: TicketStore) -> dict[TicketNumber, Ticket]:
    """Tickets of which several share each value that one may sort by."""
    tickets = {}
    for place in range(14):
        at = NOW + timedelta(minutes=place // 4, microseconds=place // 7)
        ticket = await stored_ticket(
            store,
            at=at,
            priority=list(Priority)[place % 4],
            due_at=None if place % 3 == 0 else NOW + timedelta(days=1 + place // 5),
        )
        if place % 2:
            ticket = await recorded(store, ticket, EditTicket(tags=("vip",)), at=at + timedelta(hours=place // 6))
        tickets[ticket.number] = ticket
    return tickets


def sort_key(sort: Sort) -> Callable[[Ticket], tuple[Any, int]]:
    field = sort.removeprefix("-")

    def key(ticket: Ticket) -> tuple[Any, int]:
        value: Any = getattr(ticket, field)
        if field == "priority":
            value = list(Priority).index(ticket.priority)
        return (FAR if value is None else value, ticket.number)

    return key


async def test_every_sort_pages_through_every_ticket_once_and_in_order(store: TicketStore, lists: TicketLists) -> None:
    tickets = await tickets_with_ties(store)
    for sort, limit in product(SORTS, (1, 3, 7, 14, 15)):
        expected = [
            ticket.number for ticket in sorted(tickets.values(), key=sort_key(sort), reverse=sort.startswith("-"))
        ]

        pages = await every_page(lists, sort, limit)

        assert [number for page in pages for number in page] == expected, f"{sort}, {limit} a page"
        assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)
        assert pages[-1], "a cursor that leads to nothing"


async def test_who_pages_while_tickets_come_in_sees_every_earlier_ticket_once(
    store: TicketStore, lists: TicketLists
) -> None:
    for sort in SORTS:
        before = set(await every_number(lists))
        if len(before) < 6:
            before |= set(await tickets_with_ties(store))
        seen, cursor = [], None
        while True:
            page = await lists.page(EVERYTHING, ALL, sort, 5, cursor)
            seen += numbers_of(page)
            cursor = page.next_cursor
            if cursor is None:
                break
            for priority, due_at in ((Priority.LOW, None), (Priority.URGENT, NOW + timedelta(days=1))):
                at = NOW + timedelta(minutes=len(seen))
                if len(seen) < 20:
                    await stored_ticket(store, at=at, priority=priority, due_at=due_at)

        assert [number for number in seen if number in before] == list(dict.fromkeys(n for n in seen if n in before))
        assert before <= set(seen), sort


async def every_number(lists: TicketLists) -> list[TicketNumber]:
    return [number for page in await every_page(lists, "number", 200) for number in page]


async def test_an_empty_desk_gives_one_empty_page(lists: TicketLists, log: EventLog) -> None:
    page = await lists.page(EVERYTHING, ALL, "-created_at", 50, None)

    assert (page.items, page.next_cursor) == ([], None)
    assert page.stream_cursor <= await log.now()


async def test_a_row_carries_the_wording_and_the_names(store: TicketStore, lists: TicketLists) -> None:
    ticket = await stored_ticket(store, title="On fire", description="All of it.")
    assigned = await recorded(store, ticket, AssignTicket(assignee_id=OTHER_AGENT))

    (record,) = (await lists.page(EVERYTHING, ALL, "number", 1, None)).items

    assert record.ticket == assigned
    assert (record.title, record.description) == ("On fire", "All of it.")
    assert (record.requester_name, record.assignee_name) == ("requester", "other agent")
    assert record == await store.read(ticket.number)


# The stream's cursor.


async def test_what_a_page_does_not_show_comes_in_the_stream_after_its_cursor(
    store: TicketStore, lists: TicketLists, log: EventLog, desk_dsn: str
) -> None:
    """Also what was under way, with a lower id than what the page shows, when the page was read."""
    ticket = await stored_ticket(store)
    slow = await asyncpg.connect(desk_dsn)
    transaction = slow.transaction()
    await transaction.start()
    await slow.execute(
        "insert into events (topic, type, at, actor_kind, internal, data) "
        "values ('tickets', 'slow', now(), 'timer', false, '{}')"
    )
    shown = await recorded(store, ticket, EditTicket(tags=("vip",)))

    page = await lists.page(EVERYTHING, ALL, "number", 10, None)
    await transaction.commit()
    await slow.close()
    later = await recorded(store, shown, EditTicket(tags=("beta",)))

    assert page.items[0].ticket == shown
    events = await log.after(page.stream_cursor)
    assert "slow" in [event.type for event in events]
    assert later.revision in [event.revision for event in events]


# Cursors.


def cursor_with(*parts: Any) -> str:
    """A cursor as a list would write it."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


BAD_CURSORS: list[tuple[Sort, str]] = [
    ("number", ""),
    ("number", "x"),
    ("number", "no cursor at all"),
    ("number", "äöü"),
    ("number", "%00"),
    ("number", base64.urlsafe_b64encode(b"\xff\xfe").decode()),
    ("number", base64.urlsafe_b64encode(b"{").decode()),
    ("number", base64.urlsafe_b64encode(b"7").decode()),
    ("number", base64.urlsafe_b64encode(b"null").decode()),
    ("number", base64.urlsafe_b64encode(b'{"a": 1, "b": 2, "c": 3}').decode()),
    ("number", cursor_with()),
    ("number", cursor_with("number", "7")),
    ("number", cursor_with("number", "7", 7, 7)),
    ("number", cursor_with("-number", "7", 7)),
    ("number", cursor_with("created_at", "2030-01-07 09:00:00+00", 7)),
    ("number", cursor_with("number", 7, 7)),
    ("number", cursor_with("number", "7", "7")),
    ("number", cursor_with("number", "7", None)),
    ("number", cursor_with("number", "7", 7.5)),
    ("number", cursor_with("number", "7", 2**63)),
    ("number", cursor_with("number", "7", -(2**63) - 1)),
    ("number", cursor_with("number", "", 7)),
    ("number", cursor_with("number", "seven", 7)),
    ("number", cursor_with("number", "7; drop table tickets", 7)),
    ("number", cursor_with("number", "--7", 7)),
    ("number", cursor_with("number", "\u0667", 7)),
    ("number", cursor_with("number", "9" * 19, 7)),
    ("number", cursor_with("number", "9" * 40, 7)),
    ("priority", cursor_with("priority", "high", 7)),
    ("priority", cursor_with("priority", "99999", 7)),
    ("created_at", cursor_with("created_at", "7", 7)),
    ("created_at", cursor_with("created_at", "yesterday", 7)),
    ("created_at", cursor_with("created_at", "2030-13-07 09:00:00+00", 7)),
    ("due_at", cursor_with("due_at", "-infinity", 7)),
    ("due_at", cursor_with("due_at", "\0", 7)),
]


@pytest.mark.parametrize(
    ("sort", "cursor"), BAD_CURSORS, ids=[f"{n}: {sort}" for n, (sort, _) in enumerate(BAD_CURSORS)]
)
async def test_what_is_no_cursor_of_this_list_is_refused(lists: TicketLists, sort: Sort, cursor: str) -> None:
    with pytest.raises(InvalidError):
        await lists.page(EVERYTHING, ALL, sort, 10, cursor)


@pytest.mark.parametrize("moment", ["2030-W02-1", "20300107T09", "2030-01-07 09:00:00+00", "2030-01-07T09:00"])
async def test_whatever_reads_as_a_moment_here_and_not_in_the_database_is_refused_too(
    lists: TicketLists, moment: str
) -> None:
    """Nobody but a tinkerer sends these: any answer will do, as long as it is one."""
    try:
        page = await lists.page(EVERYTHING, ALL, "created_at", 10, cursor_with("created_at", moment, 7))
    except InvalidError:
        return
    assert page.items == []


async def test_a_cursor_serves_the_list_that_made_it_and_no_other(store: TicketStore, lists: TicketLists) -> None:
    for _ in range(2):
        await stored_ticket(store, due_at=None)
    for made, used in product(SORTS, SORTS):
        cursor = (await lists.page(EVERYTHING, ALL, made, 1, None)).next_cursor
        if made == used:
            assert len((await lists.page(EVERYTHING, ALL, used, 1, cursor)).items) == 1
        else:
            with pytest.raises(InvalidError, match="another sort"):
                await lists.page(EVERYTHING, ALL, used, 1, cursor)


# Search.


@pytest.fixture
async def searched(store: TicketStore) -> dict[str, TicketNumber]:
    printer = await stored_ticket(store, title="The printer is on fire", description="Smoke everywhere since nine")
    vpn = await stored_ticket(store, title="VPN", description="Can't connect; error 1001 after the fire drill")
    umlaut = await stored_ticket(store, title="Drucker läuft heiß", description="")
    return {"printer": printer.number, "vpn": vpn.number, "umlaut": umlaut.number}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("printer", {"printer"}),
        ("PRINTER", {"printer"}),
        ("smoke", {"printer"}),
        ("fire", {"printer", "vpn"}),
        ("fire smoke", {"printer"}),
        ("fire -smoke", {"vpn"}),
        ("smoke or vpn", {"printer", "vpn"}),
        ('"on fire"', {"printer"}),
        ('"fire on"', set()),
        ("läuft", {"umlaut"}),
        ("HEISS", set()),
        ("1002", {"vpn"}),
        ("#1002", {"vpn"}),
        (" # 1002 ", {"vpn"}),
        ("1001", {"printer", "vpn"}),
        ("100", set()),
        ("nothing of the kind", set()),
        ("'; drop table tickets; --", set()),
        ('"unbalanced', set()),
        ("& | ! ( ) : *", set()),
        ("%", set()),
        ("\u0661\u0660\u0660\u0662", set()),
    ],
)
async def test_a_search_finds_words_of_the_wording_and_numbers(
    lists: TicketLists, searched: dict[str, TicketNumber], text: str, names: set[str]
) -> None:
    assert await found(lists, TicketFilter(text=text)) == {searched[name] for name in names}


async def test_a_search_finds_the_present_wording_only_and_never_a_reply_or_a_note(
    store: TicketStore, lists: TicketLists
) -> None:
    """Whoever may not read a note must not find the ticket by its words."""
    ticket = await stored_ticket(store, title="Old")
    new = TextId(uuid4())
    await store.add_text(new, ticket.number, AGENT, "New", "")
    reworded = await recorded(store, ticket, EditTicket(wording_id=new))
    for word, is_internal in (("secret", True), ("answer", False)):
        text = await stored_text(store, ticket.number, word)
        reworded = await recorded(store, reworded, AddReply(text_id=text, internal=is_internal))

    assert await found(lists, TicketFilter(text="new")) == {ticket.number}
    for word in ("old", "secret", "answer"):
        assert await found(lists, TicketFilter(text=word)) == set()


async def test_a_search_stays_within_the_scope_and_pages_like_any_list(store: TicketStore, lists: TicketLists) -> None:
    mine = [(await stored_ticket(store, title="Fire")).number for _ in range(5)]
    other: PersonId = OTHER_REQUESTER
    await stored_ticket(store, title="Fire", requester_id=other)

    pages = await every_page(lists, "-number", 2, ticket_scope(reader(REQUESTER)), TicketFilter(text="fire"))

    assert pages == [mine[:2:-1], mine[2:0:-1], mine[:1]]
