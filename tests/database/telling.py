"""Puts notifications into inboxes, for tests that ask what is made of them."""

from datetime import datetime
from typing import Any

from database.inbox import InboxFilter, InboxPage, InboxStore
from database.pool import Pool
from domain.ids import NotificationId, PersonId, TicketNumber
from tests.factories import AGENT, NOW

EVERYTHING = InboxFilter()


async def told_of(
    pool: Pool,
    subject: str | None = None,
    *,
    to: PersonId = AGENT,
    at: datetime = NOW,
    ticket: TicketNumber | None = None,
    revision: int | None = None,
    **columns: Any,
) -> NotificationId:
    """A notification; by default that a break is due."""
    row = {
        "person_id": to, "kind": "break.due", "type": "break_reminder", "at": at, "subject": subject,
        "ticket_number": ticket, "revision": revision,
    } | columns  # fmt: skip
    names, places = ", ".join(row), ", ".join(f"${place}" for place in range(1, len(row) + 1))
    return NotificationId(
        await pool.fetchval(f"insert into notifications ({names}) values ({places}) returning id", *row.values())  # noqa: S608  our own names
    )


async def ids_in(inbox: InboxStore, wanted: InboxFilter = EVERYTHING, person: PersonId = AGENT) -> list[int]:
    """All that is in somebody's inbox, in its order."""
    return [one.id for one in (await inbox.page(person, wanted, 200, None)).items]


async def pages_of(inbox: InboxStore, wanted: InboxFilter = EVERYTHING, limit: int = 2) -> list[InboxPage]:
    """The whole list, page by page."""
    pages = [await inbox.page(AGENT, wanted, limit, None)]
    while pages[-1].next_cursor is not None:
        pages.append(await inbox.page(AGENT, wanted, limit, pages[-1].next_cursor))
    return pages
